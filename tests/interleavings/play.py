"""What the rules of the machine share: the state of the play, and how a step is made and judged."""

from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from interleavings.attempt import Attempt
from interleavings.counting import miscounted
from interleavings.judge import Step, breaches, contradictions, odd
from interleavings.picture import NOTHING, Picture, take_picture
from interleavings.provider import Provider
from interleavings.stage import EMPTY, TIDY, Stage

T = TypeVar("T")


class Play(RuleBasedStateMachine):
    """A play on an empty stage.

    Attributes:
        seen: The database as it is.
        now: Minutes that have passed.
        jobs: What was inserted and not deleted.
        recipients: To whom each job's messages go.
        meddled: Jobs whose status somebody else has set, and whose row and leases differ since.
        locked: The job whose row an open transaction of the booking system holds.
        attempts: What daemons have in their hands, though they may have lost it.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage, self.store = stage, stage.store
        stage.run(stage.others.execute(EMPTY))
        stage.run(stage.others.execute(TIDY))
        self.seen = NOTHING
        self.now = 0
        self.jobs: set[str] = set()
        self.recipients: dict[str, str] = {}
        self.meddled: set[str] = set()
        self.locked: str | None = None
        self.attempts: list[Attempt] = []
        self.provider = Provider()
        self.number = count()

    def do(self, step: Step, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Make a step, and judge it."""

        async def both() -> tuple[T, Picture]:
            return await work(), await take_picture(self.stage.others)

        if step.job is not None and not step.ours:
            self.meddled.add(step.job)
        before = self.seen
        answer, self.seen = self.stage.run(both())
        strange = odd(self.seen)
        self.provider.note(before, self.seen)
        wrong = [
            *breaches(before, step, self.seen, self.locked),
            *contradictions(self.seen, self.jobs),
            *self.provider.lies(self.seen, self.recipients),
            *miscounted(before, self.seen, ours=step.ours),
            *(f"{job} {what}" for job, what in strange.items() if job not in self.meddled),
        ]
        assert not wrong, "\n".join(wrong)
        self.meddled &= strange.keys()
        return answer

    def meddle(self, name: str, job: str | None, statement: str, *arguments: object) -> None:
        """Make a step of somebody who is not notifyd."""
        self.do(Step(name, job, ours=False), lambda: self.stage.others.execute(statement, *arguments))

    def having(self, *statuses: str) -> list[str]:
        """Return the jobs of these statuses whose row is free."""
        return [job for job, row in self.seen.rows.items() if row.status in statuses and job != self.locked]
