"""`notifyd run`: the daemon."""

import typer

from notifyd.cli.options import Config
from notifyd.settings import load


def run(config: Config = None) -> None:
    """Send what is due, until SIGTERM or SIGINT; then finish what is in flight, and end.

    Examples:
      notifyd run
      NOTIFYD_LOG_LEVEL=debug notifyd run --config ./notifyd.toml
    """
    settings = load(config)
    from notifyd import daemon  # noqa: PLC0415 - a wrong configuration is told without loading the engine

    raise typer.Exit(daemon.run(settings))
