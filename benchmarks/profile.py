"""Where the CPU of notifyd goes while it works off a pile, or has nothing to do: `./run bench --profile`."""

import asyncio
from collections.abc import Collection

from benchmarks import rows
from benchmarks.contestants import Contestant, command
from benchmarks.drain import until_done
from benchmarks.plan import Part, Plan, Workload
from benchmarks.say import say
from benchmarks.stage import Stage
from benchmarks.worker import running


async def profile(stage: Stage, plan: Plan, parts: Collection[Part]) -> str:
    """Return a profile for each part asked for; `wake` has none of its own."""
    texts = []
    for part in Part:
        if part in parts and part is not Part.WAKE:
            say(f"profile: {part}")
            texts.append(f"## {part}\n\n{await _profile(stage, plan, part)}")
    return "\n".join(texts)


async def _profile(stage: Stage, plan: Plan, part: Part) -> str:
    target = stage.directory / "profile.txt"
    workload = None if part is Part.IDLE else Workload(part)
    await stage.clear()
    start = command(Contestant.NOTIFYD, stage, workload, target)
    async with running(start, stage.directory / "worker.log") as worker:
        if workload is None:
            await asyncio.sleep(plan.idle)
        else:
            await rows.insert(stage.booking, workload, plan.jobs[workload])
            await until_done(stage, worker)
    return target.read_text()
