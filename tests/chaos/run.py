"""A run from its beginning to its verdict: everything is opened, harmed, mended, drained, and judged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random  # noqa: TID251 - all dice come from the seed that is printed

import anyio

from chaos.acts.deck import ACTS
from chaos.booking import BookingSystem, open_booking_system
from chaos.drain import drain, left
from chaos.evidence import gather
from chaos.facts import Evidence
from chaos.judge import Verdict, judge
from chaos.orders import Order, draw
from chaos.plan import Act, Cue, plan
from chaos.say import Narrator
from chaos.stage import Stage, open_stage

_COUNT_EVERY = 10.0  # seconds
_READY_WITHIN = 60.0  # seconds; a start takes one or two, on a busy machine more


@dataclass(frozen=True, slots=True)
class Options:
    """What can be asked of a run; the same options give the same orders and the same acts."""

    minutes: float
    seed: int
    jobs: int

    @property
    def command(self) -> str:
        """The command that repeats the run."""
        return f"./run chaos --minutes {self.minutes:g} --jobs {self.jobs} --seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to.

    Attributes:
        drained: Seconds from the last fault to the last job; None if there was no end.
        acts: How often each kind of act was played.
        failures: What the daemons did that a service manager would complain of.
        directory: Where the logs are.
    """

    options: Options
    verdict: Verdict
    evidence: Evidence
    drained: float | None
    acts: Counter[str]
    failures: Sequence[str]
    directory: Path

    @property
    def exit_code(self) -> int:
        """0 where all came to an end, nothing was lost, and nothing doubled without a word in the ledger."""
        return 1 if self.verdict.findings or self.drained is None else 0


async def run(options: Options, directory: Path) -> Outcome:
    """Make a run; all logs go into the directory."""
    say = Narrator(directory / "run.log")
    say(f"seed {options.seed}; again: {options.command}")
    dice, seconds = Random(options.seed), options.minutes * 60
    orders = draw(dice, options.jobs, seconds)
    acts = list(plan(dice, ACTS, seconds))
    async with open_stage(directory, dice, say) as stage:
        for seat in stage.crew.seats:
            await seat.daemon.wait_for_event("daemon.ready", _READY_WITHIN)
        say.begin()
        say(f"three daemons are ready; {len(orders)} jobs and {len(acts)} acts of chaos in {seconds:.0f} s")
        drained = await _play(stage, orders, acts)
        evidence = await gather(stage, orders)
    return Outcome(
        options,
        judge(evidence),
        evidence,
        drained,
        Counter(_name(act) for act, _ in acts),
        stage.crew.failures,
        directory,
    )


async def _play(stage: Stage, orders: Sequence[Order], acts: Sequence[tuple[Act, Cue]]) -> float | None:
    """Book and harm, then wait for the end. Returns how long that took."""
    async with open_booking_system(stage.dsn) as bookings, anyio.create_task_group() as background:
        background.start_soon(stage.crew.attend)
        background.start_soon(_count, stage, bookings)
        began = anyio.current_time()
        async with anyio.create_task_group() as play:
            play.start_soon(bookings.run, orders)
            for act, cue in acts:
                await anyio.sleep_until(began + cue.at)
                play.start_soon(act, stage, cue)
        stage.say("no more faults; waiting for the jobs that are left")
        drained = await drain(stage.dsn)
        background.cancel_scope.cancel()
    stage.say("all jobs are final" if drained is not None else "some jobs do not come to an end")
    await stage.crew.dismiss()
    return drained


async def _count(stage: Stage, bookings: BookingSystem) -> None:
    while True:
        await anyio.sleep(_COUNT_EVERY)
        rest = await left(stage.dsn)
        counts = f"booked {bookings.booked}, e-mails {len(stage.mail.mails)}, SMS {len(stage.twilio.messages)}"
        stage.say(f"── {counts}, left {'?' if rest is None else rest}")


def _name(act: Act) -> str:
    return f"{act.__module__.rpartition('.')[2]}.{act.__name__}"
