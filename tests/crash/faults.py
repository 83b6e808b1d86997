"""What breaks: the daemon, its database, its providers, its time. Each is mended, and the job must come to its end."""

from collections.abc import Sequence

import anyio

from crash.events import Event, Point, Side
from crash.run import Fault, Run
from crash.wire import Wire
from support.waiting import until

HELD = "select exists (select from notifyd.leases)"
EXPIRED = "select not exists (select from notifyd.leases where expires_at >= now())"
EVERYTHING = """
select case when status = 'cancelled' then to_jsonb(j) - 'processed_at' else to_jsonb(j) end as row,
    (select jsonb_agg(to_jsonb(d) order by channel) from notifyd.deliveries d) as ledger,
    (select jsonb_agg(lease_id) from notifyd.leases) as leases
from notification_jobs j
"""
"""But when the booking system's cancellation was taken note of: that is a chore of every daemon's, and no attempt's."""

SUCCESSOR_AT_WORK = Point(Event("sql:intend", 1, "reply"), Side.BEFORE)

IDLE = 0.5
"""Seconds after which a provider that nobody has asked meanwhile is mended again."""

SHORT_LEASE = 1.5
"""Seconds; the daemon's own clock has to see it pass, so that it is waited for."""


async def _kill(run: Run) -> None:
    """SIGKILL; then another daemon takes over."""
    await run.crash()
    run.daemon = run.rig.start()


async def _cut_database(run: Run) -> None:
    """Reset every connection to the database, and refuse new ones until the daemon has tried."""
    await _cut(run, [run.rig.sql])
    await until(lambda: run.rig.sql.refused)
    run.rig.sql.restore()


async def _cut_provider(run: Run) -> None:
    """Reset the connections to the provider at hand, or to both, and refuse new ones until the daemon has noticed."""
    assert run.point is not None
    wires = {"smtp": [run.rig.smtp], "http": [run.rig.http]}
    cut = wires.get(run.point.event.wire, [run.rig.smtp, run.rig.http])
    await _cut(run, cut)
    if len(cut) > 1:  # nothing was under way that it could have noticed by
        with anyio.move_on_after(IDLE):
            await until(lambda: all(wire.refused for wire in cut))
    for wire in cut:
        wire.restore()


async def _cut(run: Run, wires: Sequence[Wire]) -> None:
    for wire in wires:
        wire.cut()
    for wire in wires:
        await wire.deserted()
    run.conductor.resume()


async def _stand_still(run: Run) -> None:
    """SIGSTOP until the lease has run out and another daemon is at work; then SIGCONT, and it may change nothing.

    The other one has committed its own intent and waits for the answer, or has nothing left to send. It moves no more
    while the first one comes to itself, so that whatever changes is the first one's doing.
    """
    stale, seen_of_it, database = run.daemon, run.conductor, run.rig.database
    await stale.stop()
    had_lease = await database.fetchval(HELD)
    seen_of_it.resume()
    await until(lambda: database.fetchval(EXPIRED))
    run.succeed(SUCCESSOR_AT_WORK)
    await run.reached()
    before = await database.fetch(EVERYTHING)
    stale.cont()
    if had_lease:
        await until(lambda: stale.events("lease.lost"), hint="it does not say that it has lost its lease")
    looks = seen_of_it.looks
    await until(lambda: seen_of_it.looks > looks + 1, hint="it does not go on")
    if had_lease != len(stale.events("lease.lost")):
        run.broken.append("it says more than once that it has lost its lease")
    if before != await database.fetch(EVERYTHING):
        run.broken.append("a daemon that had lost its lease has written")
    run.conductor.resume()


def _only_waiting(point: Point) -> bool:
    """Before a reply: a daemon that stands still has the network deliver what it said, and reads no answer."""
    return point.event.half != "command" and point.side is Side.BEFORE


FAULTS = (
    Fault("the daemon is killed", _kill),
    Fault("the database is cut off", _cut_database),
    Fault("the provider is cut off", _cut_provider),
    Fault("the daemon stands still", _stand_still, _only_waiting, {"LEASE": SHORT_LEASE}),
)
