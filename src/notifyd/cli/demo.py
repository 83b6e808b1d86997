"""`notifyd demo`: everything on this machine, nothing leaves it."""

from pathlib import Path
from typing import Annotated

import typer

from notifyd.cli.errors import Explained


def demo(
    seconds: Annotated[
        float | None,
        typer.Option("--for", metavar="SECONDS", min=1, help="End by itself, with a summary.  [default: until Ctrl-C]"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The page's port; 0 takes any free one.  [default: 8320, or any free one]"),
    ] = None,
    data: Annotated[
        Path, typer.Option(metavar="DIRECTORY", file_okay=False, help="Where the data stay between runs.")
    ] = Path(".demo"),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the daemon's log as well.")] = False,
) -> None:
    """Show it at work: a PostgreSQL, a mail server, an SMS provider and a booking system, all of them on this machine.

    No configuration is read, and nothing leaves the machine. With --for it exits 0 only if every job reached its final
    state and every message that arrived is in the ledger.

    Examples:
      notifyd demo
      notifyd demo --for 30 --port 0
    """
    try:
        from notifyd.demo.app import Options, run  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError as error:
        package, _, _ = (error.name or "").partition(".")
        if package == "notifyd":
            raise
        raise Explained(
            f"the demo needs {package}, which is not installed; in a checkout run `./run`, elsewhere "
            "`pip install 'notifyd[demo]'`"
        ) from None
    raise typer.Exit(run(Options(seconds, port, data, verbose)))
