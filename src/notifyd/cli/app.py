"""Puts the verbs together, and turns whatever they raise into an explanation and an exit code."""

import inspect
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from notifyd import __version__
from notifyd.cli import bounce, check, demo, indexes, migrate, preview, run, stats
from notifyd.cli.errors import explain


def _help(verb: Callable[..., None]) -> str:
    """Return a verb's docstring with its examples marked as they stand: click would fill the lines up otherwise."""
    return inspect.cleandoc(verb.__doc__ or "").replace("\nExamples:", "\n\b\nExamples:")


app = typer.Typer(
    name="notifyd",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: quick, and the same in a terminal, a pipe and the reference
    context_settings={"max_content_width": 100},
)

for verb in (
    run.run,
    migrate.migrate,
    check.check,
    stats.stats,
    indexes.indexes,
    bounce.bounce,
    preview.preview,
    demo.demo,
):
    app.command(help=_help(verb))(verb)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"notifyd {__version__}")
        raise typer.Exit


def notifyd(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Send the e-mails and SMS that booking systems write as rows into PostgreSQL.

    Examples:
      notifyd migrate        prepare the database, or look what that would do: notifyd migrate --dry-run
      notifyd check          prove the configuration, its connections included
      notifyd run            send, until told to stop
    """


app.callback(help=_help(notifyd))(notifyd)


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the last one who can explain it
        sys.exit(explain(error))
    sys.exit(0)
