"""How fast a worker works off a pile of jobs that is committed at once, and what CPU each job costs it.

The figure counts only if every job was completed and every message arrived exactly once.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from benchmarks import rows
from benchmarks.contestants import Contestant, command
from benchmarks.plan import Workload
from benchmarks.stage import Stage
from benchmarks.worker import Worker, running

LIMIT = 240.0
"""Seconds that a drain may take."""

_GLANCE = 0.02
_UNFINISHED = """
select exists (select from notification_jobs where status = any('{pending,processing,scheduled}'))
"""
_STATES = "select status, count(*) from notification_jobs group by status"
_COMPLETED = "select count(*) from notification_jobs where status = 'completed'"


@dataclass(frozen=True, slots=True)
class Drained:
    """One drain.

    Attributes:
        rate: Jobs a second, from the commit of the pile to the commit of the last job's state.
        cpu: Microseconds of the worker's CPU for one job.
        peak: The most memory the worker held, in MiB.
    """

    rate: float
    cpu: float
    peak: float


async def drain(stage: Stage, who: Contestant, workload: Workload, count: int) -> Drained:
    """Let a worker work off `count` jobs.

    Raises:
        WorkerFailed: if it does not in time, or a message is missing or doubled.
    """
    await stage.clear()
    async with running(command(who, stage, workload), stage.directory / "worker.log") as worker:
        used = worker.cpu()
        await rows.insert(stage.booking, workload, count)
        began = time.monotonic()
        await until_done(stage, worker)
        seconds = time.monotonic() - began
        result = Drained(count / seconds, (worker.cpu() - used) / count * 1e6, worker.peak_rss())
        await verify(stage, worker, workload, count)
    return result


async def watch(stage: Stage, who: Contestant, workload: Workload, seconds: float) -> int:
    """Return how many jobs a worker with a pile in front of it completes within a time."""
    await stage.clear()
    async with running(command(who, stage, workload), stage.directory / "worker.log"):
        await rows.insert(stage.booking, workload, 1_000)
        await asyncio.sleep(seconds)
        done: int = await stage.onlooker.fetchval(_COMPLETED)
        return done


async def verify(stage: Stage, worker: Worker, workload: Workload, count: int) -> None:
    """Make sure that every job is completed and every message arrived once.

    Raises:
        WorkerFailed: if not.
    """
    states = {row["status"]: row["count"] for row in await stage.onlooker.fetch(_STATES)}
    if states != {"completed": count}:
        raise worker.failed(f"left jobs as {states}, not all {count} completed")
    expected = {rows.recipient(workload, number): 1 for number in range(rows.FIRST, rows.FIRST + count)}
    arrived = {
        Workload.EMAIL: Counter(to for to, _ in stage.mail.arrivals()),
        Workload.SMS: Counter(to for to, _ in stage.twilio.arrivals()),
    }
    wanted = {each: expected if each is workload else {} for each in arrived}
    if arrived != wanted:
        raise worker.failed(
            f"sent {', '.join(f'{sum(seen.values())} {each}' for each, seen in arrived.items())} "
            f"to {sum(map(len, arrived.values()))} recipients for {count} {workload} jobs"
        )


async def until_done(stage: Stage, worker: Worker) -> None:
    """Wait until no job is left to be worked off."""
    end = time.monotonic() + LIMIT
    while await stage.onlooker.fetchval(_UNFINISHED):
        worker.check()
        if time.monotonic() > end:
            raise worker.failed(f"was not done within {LIMIT:.0f} s")
        await asyncio.sleep(_GLANCE)
