"""`notifyd stats`: how things stand."""

import json
from typing import Annotated

import anyio
import typer

from notifyd.cli.options import Config, Json
from notifyd.cli.recount import recount
from notifyd.model.stats import Stats
from notifyd.settings import Need, Settings, load
from notifyd.store.pool import open_store
from notifyd.store.stats import read

_TIME_LIMIT = 15.0
"""Seconds; an operator at a terminal waits longer than a monitor does."""

_FIGURES = ("sent", "failed", "suppressed", "unknown", "paused")


def stats(
    config: Config = None,
    salon: Annotated[str | None, typer.Option(metavar="ID", help="Only the jobs of this salon.")] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Recount from the rows, and tell where the counts differ; exits with 1 then."),
    ] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="With --verify: count what differs from now on.")] = False,
    as_json: Json = False,
) -> None:
    """Show how many jobs are in which state, and what became of the messages.

    What waits is counted from the rows; what has ended was counted when it ended, and stays counted when its row is
    deleted. All in one snapshot: no running daemon is asked. Rows that others have finished, changed or deleted are
    found by --verify.

    Examples:
      notifyd stats
      notifyd stats --salon salon-7 --json | jq .jobs.failed
      notifyd stats --verify
    """
    if adopt and not verify:
        raise typer.BadParameter("--adopt says what becomes of what --verify finds: give both")
    if verify and salon is not None:
        raise typer.BadParameter("--verify recounts all salons: leave --salon out")
    settings = load(config, Need.DATABASE)
    if verify:
        raise typer.Exit(recount(settings, adopt=adopt, as_json=as_json))
    found = anyio.run(_read, settings, salon)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        _draw(found)


async def _read(settings: Settings, salon: str | None) -> Stats:
    async with open_store(settings.dsn, settings.table, connections=1, pooled=settings.pooled, pinned=False) as store:
        return await read(store, salon, timeout=_TIME_LIMIT)


def _draw(found: Stats) -> None:
    from rich.console import Console  # noqa: PLC0415 - the daemon shares this process's start and needs none of it
    from rich.table import Table  # noqa: PLC0415

    jobs = Table("jobs", "", title=f"{found.as_of:%Y-%m-%d %H:%M:%S} UTC", title_justify="left")
    for state, count in found.jobs.items():
        note = f" ({found.partial:,} partial)" if state == "completed" and found.partial else ""
        jobs.add_row(f"{state}{note}", f"{count:,}")
    if found.unknown_status:
        jobs.add_row("of unknown status, never touched", f"{found.unknown_status:,}", style="yellow")
    jobs.add_section()
    jobs.add_row("oldest due, seconds", f"{found.oldest_due_s:,.1f}")

    messages = Table("messages", *_FIGURES)
    for name, channel in found.channels.items():
        messages.add_row(name, *(f"{getattr(channel, figure):,}" for figure in _FIGURES))
    for column in (*jobs.columns[1:], *messages.columns[1:]):
        column.justify = "right"
    Console().print(jobs, messages)
