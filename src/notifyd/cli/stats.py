"""`notifyd stats`: how things stand."""

import json
from typing import Annotated

import anyio
import typer

from notifyd.cli.options import Config, Json
from notifyd.settings import Need, Settings, load
from notifyd.store.pool import open_store
from notifyd.store.stats import Stats, read

_TIME_LIMIT = 15.0
"""Seconds; an operator at a terminal waits longer than a monitor does."""

_FIGURES = ("sent", "failed", "suppressed", "unknown", "paused")


def stats(
    config: Config = None,
    salon: Annotated[str | None, typer.Option(metavar="ID", help="Only the jobs of this salon.")] = None,
    as_json: Json = False,
) -> None:
    """Show how many jobs are in which state, and what became of the messages.

    The figures are counted from the rows, in one snapshot: no running daemon is asked.

    Examples:
      notifyd stats
      notifyd stats --salon salon-7 --json | jq .jobs.failed
    """
    found = anyio.run(_read, load(config, Need.DATABASE), salon)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        _draw(found)


async def _read(settings: Settings, salon: str | None) -> Stats:
    async with open_store(settings.dsn, settings.table, connections=1, pooled=settings.pooled, pinned=False) as store:
        return await read(store, salon, _TIME_LIMIT)


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
