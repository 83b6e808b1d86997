"""Makes scheduled jobs pending when they fall due, and one of them when a paused provider may be asked again."""

import time

import anyio

from notifyd.engine.channels import Outlet, Outlets
from notifyd.engine.wake import Wake
from notifyd.model.job import Channel
from notifyd.store.pool import Store, outlast
from notifyd.store.schedule import Promotion, promote

MOST_AT_ONCE = 1_000
"""Jobs made pending by one statement."""

SHORTEST_LOOK = 0.05
"""Seconds between two looks at the least, whatever falls due in between."""


async def run(store: Store, outlets: Outlets, wake: Wake, recheck: Wake, poll: float) -> None:
    """Promote, for ever.

    Args:
        store: The database.
        outlets: The channels, with their pauses.
        wake: Rung when jobs became pending.
        recheck: Rings when due times or pauses have changed.
        poll: Seconds between two looks when nothing is due earlier; other daemons schedule jobs too.
    """
    while True:
        promotion = await outlast(lambda: _promote(store, outlets))
        if promotion.moved:
            wake.ring("due")
        if promotion.more:
            continue
        await anyio.sleep(SHORTEST_LOOK)
        await recheck.wait(min([poll, *_moments(promotion, outlets)]))


async def _promote(store: Store, outlets: Outlets) -> Promotion:
    now = time.monotonic()
    paused = {outlet.channel for outlet in outlets.values() if outlet.pause.reason is not None}
    back = [channel for channel in Channel if channel not in paused]  # one that was turned off too: its jobs end
    probes = [outlet.channel for outlet in outlets.values() if outlet.pause.may_probe(now)]
    return await promote(store, back, probes, MOST_AT_ONCE)


def _moments(promotion: Promotion, outlets: Outlets) -> list[float]:
    """Return in how many seconds the next things happen."""
    now = time.monotonic()
    due = [] if promotion.next_due is None else [promotion.next_due]
    return [max(moment, 0.0) for moment in (*due, *(_probe_in(outlet, now) for outlet in outlets.values()))]


def _probe_in(outlet: Outlet, now: float) -> float:
    """Return in how many seconds a paused channel may be probed; for ever if it is open or being probed."""
    if outlet.pause.reason is None or outlet.pause.until <= now:
        return float("inf")
    return outlet.pause.until - now
