"""How long after the commit of a single row its message is there, at the provider's stand-in in another process."""

import asyncio
import time

from benchmarks import rows
from benchmarks.contestants import Contestant, command
from benchmarks.plan import Workload
from benchmarks.stage import Stage
from benchmarks.worker import Worker, running

LIMIT = 30.0
"""Seconds that the last message has to arrive."""

_GLANCE = 0.05


async def wake(stage: Stage, who: Contestant, workload: Workload, count: int, gap: float) -> list[float]:
    """Insert single rows into an empty table in front of an idle worker.

    Args:
        stage: Where.
        who: The worker.
        workload: `EMAIL` or `SMS`.
        count: Rows.
        gap: Seconds between two of them; varied by a half, so that nobody's rhythm is met.

    Returns:
        The milliseconds from each commit, as the inserting client learns of it, to the message's arrival.
    """
    await stage.clear()
    async with running(command(who, stage, workload), stage.directory / "worker.log") as worker:
        await _warm_up(stage, worker, workload)
        committed: dict[str, float] = {}
        for number in range(rows.FIRST, rows.FIRST + count):
            await rows.insert(stage.booking, workload, 1, number)
            committed[rows.recipient(workload, number)] = time.monotonic()
            await asyncio.sleep(gap * (0.5 + number * 0.618 % 1))
        arrived = await _arrivals(stage, worker, workload, count)
    return [(moment - committed[to]) * 1000 for to, moment in arrived]


async def _warm_up(stage: Stage, worker: Worker, workload: Workload) -> None:
    """Let it read its templates and open its connections, which it does once in its life."""
    await rows.insert(stage.booking, workload, 1, rows.FIRST - 1)
    await _arrivals(stage, worker, workload, 1)
    stage.mail.skip()
    stage.twilio.skip()


async def _arrivals(stage: Stage, worker: Worker, workload: Workload, count: int) -> list[tuple[str, float]]:
    sink = stage.mail if workload is Workload.EMAIL else stage.twilio
    end = time.monotonic() + LIMIT
    while len(arrived := sink.arrivals()) < count:
        worker.check()
        if time.monotonic() > end:
            raise worker.failed(f"sent {len(arrived)} of {count} messages within {LIMIT:.0f} s")
        await asyncio.sleep(_GLANCE)
    if len({to for to, _ in arrived}) != len(arrived):
        raise worker.failed("sent a message twice")
    return arrived
