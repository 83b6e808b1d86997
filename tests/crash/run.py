"""One run: a job in a scenario, perhaps struck by a fault at one point, and carried to its end."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest

from crash.conductor import Conductor, Hook
from crash.events import Event, Point
from crash.rig import Daemon, Rig
from crash.scenarios import SMS_FIRST, Scenario
from support.waiting import until

REACH = 8.0
"""Seconds that a run has to come to its point."""

PATIENCE = 20.0
"""Seconds that a job has to come to its end after a fault."""

FINAL = {"completed", "failed", "cancelled", "held"}

LOOK = """
with hurried as (
    update notifyd.schedule set due_at = now() where due_at > now() + interval '2 s' and waits_for is null
)
select status, attempts, max_attempts, coalesce(error, '') as error,
    (select count(*) from notifyd.leases) as leases, (select count(*) from notifyd.schedule) as scheduled
from notification_jobs
"""
"""Time is moved by rows, not waited for: the minute that a greylisting mail server asks for, say."""

EXPIRE = "update notifyd.leases set expires_at = now() - interval '1 s'"

HISTORY = "select channel, array_agg(state order by number) as states from crash.history group by channel"


@dataclass(frozen=True, slots=True)
class Row:
    """The booking system's row, and how many rows of ours are left beside it."""

    status: str
    attempts: int
    max_attempts: int
    error: str
    leases: int
    scheduled: int

    @property
    def is_settled(self) -> bool:
        """Whether nobody will touch it any more."""
        return self.status in FINAL and not self.leases and not self.scheduled


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run came to.

    Attributes:
        trace: The events of the job, in order.
        reached: Whether the fault struck.
        history: The states that each delivery went through, in order; the last one is what the ledger says.
        mails: The Message-IDs of what the mail server accepted.
        texts: How many SMS Twilio accepted.
        broken: What went wrong on the way, in words.
    """

    trace: tuple[Event, ...]
    reached: bool
    row: Row
    history: Mapping[str, list[str]]
    mails: tuple[str, ...]
    texts: int
    broken: tuple[str, ...] = ()


@dataclass
class Run:
    """A run under way.

    Attributes:
        conductor: Watches the daemon.
        point: Where the fault strikes.
        daemon: The one that has the job.
        hooks: What is done at certain events, by their names.
        broken: Takes what is found to be wrong on the way.
    """

    rig: Rig
    hooks: Mapping[str, Hook]
    conductor: Conductor
    point: Point | None
    daemon: Daemon
    broken: list[str] = field(default_factory=list)

    def succeed(self, point: Point) -> None:
        """Start another daemon beside the one that has the job, and stop its world at a point."""
        self.conductor = Conductor(self.rig.concerns, point, self.hooks)
        self.rig.conduct(self.conductor)
        self.daemon = self.rig.start()

    async def row(self) -> Row:
        """Return the row as it is now, and help time along."""
        found = await self.rig.database.fetchrow(LOOK)
        assert found is not None
        return Row(**dict(found))

    async def is_settled(self) -> bool:
        """Tell whether the job has come to its end."""
        return (await self.row()).is_settled

    async def crash(self) -> None:
        """SIGKILL; what was sent is carried out and answered to nobody, and the leases run out."""
        await self.rig.kill_all()
        await self.rig.database.execute(EXPIRE)
        self.conductor.resume()

    async def settled(self) -> None:
        """Wait until the job has come to its end, and a daemon has since looked for more."""
        await until(self.is_settled, PATIENCE, hint="the job is stuck")
        looks = self.conductor.looks
        await until(lambda: self.conductor.looks > looks, PATIENCE, hint="no daemon looks for jobs any more")

    async def reached(self) -> bool:
        """Wait until the point is reached, or has been missed: the job is settled, and nothing is under way."""
        reached = self.conductor.reached

        async def reached_or_settled() -> bool:
            return reached.is_set() or await self.is_settled()

        await until(reached_or_settled, REACH)
        looks = self.conductor.looks
        await until(lambda: reached.is_set() or self.conductor.looks > looks, REACH)
        return reached.is_set()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that breaks.

    Attributes:
        name: What it is called in docs/guarantees.md.
        strike: Breaks it at the point that was reached, lets the world go on, and mends it.
        can_strike: Tells whether a point differs from its neighbours for this fault.
        settings: What the daemon needs to be told for it.
    """

    name: str
    strike: Callable[[Run], Awaitable[None]]
    can_strike: Callable[[Point], bool] = lambda _point: True
    settings: Mapping[str, object] = field(default_factory=dict)


async def play(rig: Rig, scenario: Scenario, fault: Fault | None = None, point: Point | None = None) -> Seen:
    """Carry one job of a scenario to its end; with a fault, strike at a point."""
    await rig.clean()
    await rig.insert(scenario)
    if scenario.crashed_at is not None:
        before = _start(rig, scenario, scenario.crashed_at, SMS_FIRST)
        assert await before.reached(), "the crash that the scenario begins with"
        await before.crash()
    run = _start(rig, scenario, point, scenario.order, **(fault.settings if fault else {}))
    watched = run.conductor
    try:
        if fault is not None and await run.reached():
            await fault.strike(run)
        await run.settled()
    except pytest.fail.Exception as failure:
        run.broken.append(str(failure.msg))
    return await _look(run, watched)


def _start(rig: Rig, scenario: Scenario, point: Point | None, order: Mapping[str, str], **settings: object) -> Run:
    hooks: dict[str, Hook] = {} if scenario.cancelled_at is None else {scenario.cancelled_at: rig.cancel}
    conductor = Conductor(rig.concerns, point, hooks, order)
    rig.conduct(conductor)
    return Run(rig, hooks, conductor, point, rig.start(**settings))


async def _look(run: Run, watched: Conductor) -> Seen:
    rig = run.rig
    history = {row["channel"]: row["states"] for row in await rig.database.fetch(HISTORY)}
    return Seen(
        tuple(watched.trace),
        watched.reached.is_set(),
        await run.row(),
        history,
        tuple(mail.message_id for mail in rig.mail.mails),
        len(rig.twilio.messages),
        tuple(run.broken),
    )
