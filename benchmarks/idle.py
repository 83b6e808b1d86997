"""What CPU a worker uses that has nothing to do."""

import asyncio
import time
from contextlib import AsyncExitStack

from benchmarks.contestants import Contestant, command
from benchmarks.stage import Stage
from benchmarks.worker import running

WATCHED = (Contestant.POLLING, Contestant.BARE, Contestant.NOTIFYD)
"""Without its pause the original worker is never idle."""


async def idle(stage: Stage, settle: float, seconds: float) -> dict[Contestant, float]:
    """Watch all workers at once, on an empty table, both channels open.

    Returns:
        The CPU of each, in percent of one core.
    """
    await stage.clear()
    async with AsyncExitStack() as stack:
        workers = {
            who: await stack.enter_async_context(
                running(command(who, stage, None), stage.directory / f"idle-{who}.log")
            )
            for who in WATCHED
        }
        await asyncio.sleep(settle)
        began, before = time.monotonic(), {who: worker.cpu() for who, worker in workers.items()}
        await asyncio.sleep(seconds)
        watched = time.monotonic() - began
        return {who: (worker.cpu() - before[who]) / watched * 100 for who, worker in workers.items()}
