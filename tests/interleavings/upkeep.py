"""The daemons' rules around their attempts: claims, renewals, crashes, and the chores on a timer."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from interleavings.attempt import EMAIL, SMS, Attempt
from interleavings.judge import Step
from interleavings.others import OtherRules
from interleavings.stage import Stage
from notifyd.model.job import Channel, State
from notifyd.store.cancelled import note
from notifyd.store.jobs import claim, release_strays, renew
from notifyd.store.rescue import adopt_orphans, rescue
from notifyd.store.retention import FIRST_KEY, forget, purge
from notifyd.store.rollups import fold
from notifyd.store.schedule import promote, reschedule_lost

MINUTES = 60
LEASE = timedelta(minutes=MINUTES)

MANY = 100
"""More rows than there are: which ones a statement would choose must not be left to chance."""

DAEMON = st.integers(0, 2)


class UpkeepRules(OtherRules):
    """Three daemons, and what each does besides sending.

    Attributes:
        daemons: Their names, new after each crash.
        newest: The highest lease id that was ever given.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.daemons = [f"daemon {next(self.number)}" for _ in range(3)]
        self.newest = 0

    def holds(self, attempt: Attempt) -> bool:
        """Tell whether an attempt's lease is still there."""
        return self.seen.holds(attempt.job.id, attempt.job.lease_id)

    @precondition(lambda self: self.having("pending"))
    @rule(daemon=DAEMON, heard=st.sampled_from((True, True, True, False)))
    def claim(self, daemon: int, heard: bool) -> None:
        """A daemon claims jobs; the answer may be lost."""
        name = self.daemons[daemon]
        jobs = self.do(Step("claim"), lambda: claim(self.store, name, MANY, LEASE))
        jobs.sort(key=lambda job: job.id)
        assert all(job.lease_id > self.newest for job in jobs)  # never used before
        self.newest = max([self.newest, *(job.lease_id for job in jobs)])
        if heard:
            self.attempts += [Attempt(name, job, self.recipients[job.id], self.now + MINUTES) for job in jobs]

    @precondition(lambda self: self.seen.leases)
    @rule(daemon=DAEMON)
    def release_strays(self, daemon: int) -> None:
        """A daemon gives back what it has never heard of."""
        name = self.daemons[daemon]
        known = [attempt.job.lease_id for attempt in self.attempts if attempt.daemon == name]
        self.do(Step("release strays", daemon=name), lambda: release_strays(self.store, name, known))

    @precondition(lambda self: self.attempts)
    @rule(daemon=DAEMON)
    def renew(self, daemon: int) -> None:
        """A daemon renews all that it believes to have."""
        mine = [attempt for attempt in self.attempts if attempt.daemon == self.daemons[daemon]]
        held = {attempt.job.lease_id for attempt in mine if self.holds(attempt)}
        ids = [attempt.job.lease_id for attempt in mine]
        renewed = self.do(Step("renew", daemon=self.daemons[daemon]), lambda: renew(self.store, ids, LEASE))
        assert held == renewed
        for attempt in mine:
            attempt.good_until = self.now + MINUTES if attempt.job.lease_id in renewed else 0

    @precondition(lambda self: self.attempts)
    @rule(daemon=DAEMON)
    def crash(self, daemon: int) -> None:
        """A daemon forgets everything, and comes back under another name."""
        self.attempts = [attempt for attempt in self.attempts if attempt.daemon != self.daemons[daemon]]
        self.daemons[daemon] = f"daemon {next(self.number)}"

    @precondition(lambda self: self.seen.leases)
    @rule()
    def rescue(self) -> None:
        """Leases that have run out are ended."""
        self.do(Step("rescue"), lambda: rescue(self.store, MANY, server_grace=timedelta()))

    @precondition(lambda self: self.seen.schedule)
    @rule(back=st.sampled_from(((), (EMAIL,), (EMAIL, SMS))))
    def promote(self, back: tuple[Channel, ...]) -> None:
        """What has fallen due, or whose provider is back, becomes pending; the other providers are asked by one."""
        probes = set(Channel) - set(back)
        self.do(Step("promote"), lambda: promote(self.store, back, probes, MANY))

    @precondition(lambda self: self.meddled)
    @rule()
    def take_in(self) -> None:
        """Rows that a foreign worker left, and scheduled rows without a due time."""
        self.do(Step("adopt"), lambda: adopt_orphans(self.store, MANY, LEASE))
        self.do(Step("reschedule"), lambda: reschedule_lost(self.store, MANY))

    @rule(limit=st.sampled_from((1, MANY)))
    def fold(self, limit: int) -> None:
        """What was counted is folded, all of it or the oldest."""
        self.do(Step("fold"), lambda: fold(self.store, limit))

    @precondition(lambda self: self.having("cancelled"))
    @rule()
    def take_note(self) -> None:
        """What the booking system has cancelled is taken note of."""
        self.do(Step("take note"), lambda: note(self.store, MANY))

    @precondition(lambda self: self.having("completed", "failed", "cancelled"))
    @rule(state=st.sampled_from((State.COMPLETED, State.FAILED, State.CANCELLED)))
    def purge(self, state: State) -> None:
        """Retention deletes what has ended, and what is left of what others have deleted."""
        doomed = {job for job in self.having(state) if self.seen.rows[job].ended}
        self.jobs -= doomed
        purged = self.do(Step("purge"), lambda: purge(self.store, state, timedelta(seconds=-1), MANY))
        assert purged == len(doomed)
        self.do(Step("forget"), lambda: forget(self.store, FIRST_KEY, timedelta(days=-1), MANY))
