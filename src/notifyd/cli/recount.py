"""`notifyd stats --verify`: what was counted, held against the rows."""

import json
import sys

import anyio
import typer

from notifyd.cli.errors import Exit
from notifyd.settings import Settings
from notifyd.store.verify import Verified, explain, verify

_WORD_EVERY = 10.0
"""Seconds between two words to somebody who waits."""


def recount(settings: Settings, *, adopt: bool, as_json: bool) -> Exit:
    """Recount, tell what differs, and adopt it where that is wanted.

    Returns:
        `FAILED` where something differs and is not adopted.
    """
    found = anyio.run(_waited_for, settings, adopt)
    typer.echo(json.dumps(_as_json(found, adopted=adopt)) if as_json else _told(found, adopted=adopt))
    return Exit.WELL if found.clean or adopt else Exit.FAILED


async def _waited_for(settings: Settings, adopt: bool) -> Verified:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_say)
        found = await verify(settings.listen_dsn, settings.table, adopt=adopt)
        tasks.cancel_scope.cancel()
    return found


async def _say() -> None:
    """Tell who waits that it goes on; on standard error, so that scripts need not care."""
    seconds = 0.0
    while True:
        await anyio.sleep(_WORD_EVERY)
        seconds += _WORD_EVERY
        sys.stderr.write(f"notifyd: still recounting, {seconds:.0f} s; every finished row is read\n")
        sys.stderr.flush()


def _told(found: Verified, *, adopted: bool) -> str:
    if found.clean:
        return f"{found.as_of:%Y-%m-%d %H:%M:%S} UTC: every count agrees with the rows."
    lines = [f"{found.as_of:%Y-%m-%d %H:%M:%S} UTC: counts and rows {'differed' if adopted else 'differ'}."]
    for total in found.totals:
        what = f"  {total.channel} {total.outcome}:"
        if total.more:
            lines.append(f"{what} {total.more:,} more than counted, {explain(total.channel, more=True)}")
        if total.fewer:
            lines.append(f"{what} {total.fewer:,} fewer than counted, {explain(total.channel, more=False)}")
    if found.torn:
        lines.append(f"  {found.torn:,} totals are not the sum of their hours: notifyd.rollups was changed by others")
    places = sum(total.places for total in found.totals)
    if found.largest:
        lines.append(f"\n{_shown(len(found.largest), places)}, rows there and counted:")
    lines += [
        f"  {one.hour:%Y-%m-%d %H}h  {one.salon}  {one.type}  {one.channel} {one.outcome}: "
        f"{one.found:,} there, {one.counted:,} counted"
        for one in found.largest
    ]
    cure = (
        "Adopted: what is there is what counts now."
        if adopted
        else "Is that as it should be? `notifyd stats --verify --adopt` counts it."
    )
    return "\n".join([*lines, "", cure])


def _shown(shown: int, places: int) -> str:
    return f"The {shown} largest of {places:,} differences" if shown < places else "By hour (UTC), salon and type"


def _as_json(found: Verified, *, adopted: bool) -> dict[str, object]:
    return {
        "as_of": found.as_of.isoformat(),
        "clean": found.clean,
        "adopted": adopted,
        "torn": found.torn,
        "totals": [
            {"channel": one.channel, "outcome": one.outcome, "places": one.places, "more": one.more, "fewer": one.fewer}
            for one in found.totals
        ],
        "largest": [one.as_json() for one in found.largest],
    }
