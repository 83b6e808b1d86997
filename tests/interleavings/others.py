"""The rules of everybody else: booking system, operator, a foreign worker, the provider's receipts, the clock."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from docs.pages import sql
from interleavings.attempt import SMS
from interleavings.judge import Step
from interleavings.play import Play
from interleavings.stage import Stage
from notifyd.model.receipt import Receipt, ReceiptState
from notifyd.store.receipts import Received, receive
from support.jobs import insert_job

CHANGEABLE = ("pending", "processing", "scheduled", "held", "cancelled")

MINUTES = (7, 41, 97, -200)
"""Steps of the clock: less than the grace, more than it, more than a lease, and back by hours."""

SET_CLOCK = """
with leases as (update notifyd.leases set expires_at = expires_at - $1::interval),
    schedule as (update notifyd.schedule set due_at = due_at - $1::interval)
update notifyd.deliveries set intended_at = intended_at - $1::interval, settled_at = settled_at - $1::interval
"""

CHANGES = {
    "called off": "update notification_jobs set status = 'cancelled' where id = $1",
    "wanted": "update notification_jobs set status = 'pending' where id = $1",
    "deleted": "delete from notification_jobs where id = $1",
    "touched": "update notification_jobs set client_id = client_id where id = $1",
}
"""What the booking system does to a row. It wants again what it had called off, perhaps in the same breath."""

MOST_JOBS = 3

PICK = st.integers(0, 5)


class OtherRules(Play):
    """Everybody who is not a daemon.

    Attributes:
        pending: What the booking system's open transaction does.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.pending = ""

    @initialize(most=st.tuples(st.integers(1, 3), st.integers(1, 3)))
    def open_the_salon(self, most: tuple[int, int]) -> None:
        """There are two jobs to begin with."""
        for attempts in most:
            self.insert(attempts)

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(attempts=st.integers(1, 3))
    def insert(self, attempts: int) -> None:
        """The booking system inserts a job."""
        number = len(self.recipients)
        job = f"job {number}"
        self.jobs.add(job)
        self.recipients[job] = f"recipient {number % 2}"
        self.provider.allowed[self.recipients[job]] += 1
        step = Step("insert", job, ours=False)
        self.do(step, lambda: insert_job(self.stage.others, id=job, salon_id=job, max_attempts=attempts, payload="{}"))

    @precondition(lambda self: self.having(*CHANGEABLE))
    @rule(pick=PICK, change=st.sampled_from(sorted(CHANGES)))
    def change(self, pick: int, change: str) -> None:
        """The booking system changes a row."""
        jobs = self.having(*CHANGEABLE)
        job = jobs[pick % len(jobs)]
        self.jobs -= {job} if change == "deleted" else set()
        self.meddle(change, job, CHANGES[change], job)

    @precondition(lambda self: self.locked is None and self.having(*CHANGEABLE))
    @rule(pick=PICK, change=st.sampled_from(sorted(CHANGES)))
    def change_slowly(self, pick: int, change: str) -> None:
        """The booking system changes a row in a transaction that stays open."""
        jobs = self.having(*CHANGEABLE)
        self.locked, self.pending = jobs[pick % len(jobs)], change
        self.stage.run(self.stage.booking.execute("begin"))
        self.stage.run(self.stage.booking.execute(CHANGES[change], self.locked))

    @precondition(lambda self: self.locked is not None)
    @rule(commits=st.booleans())
    def end_of_transaction(self, commits: bool) -> None:
        """The booking system's transaction ends."""
        job, self.locked = self.locked, None
        self.jobs -= {job} if commits and self.pending == "deleted" else set()
        step = Step(self.pending, job, ours=False)
        self.do(step, lambda: self.stage.booking.execute("commit" if commits else "rollback"))

    @precondition(lambda self: self.having("pending") and self.seen.leases)
    @rule(pick=PICK, status=st.sampled_from(("processing", "scheduled")))
    def foreign_worker(self, pick: int, status: str) -> None:
        """A worker that is not ours takes a row, or puts it off."""
        jobs = self.having("pending")
        job = jobs[pick % len(jobs)]
        self.meddle("taken", job, "update notification_jobs set status = $2 where id = $1", job, status)

    @precondition(lambda self: self.having("held"))
    @rule(pick=PICK, decision=st.integers(1, 3))
    def release(self, pick: int, decision: int) -> None:
        """The operator decides about a held job, in one of the three ways of docs/operations.md."""
        jobs = self.having("held")
        job = jobs[pick % len(jobs)]
        self.provider.decided(job, self.recipients[job], self.seen, arrived=decision == 1)
        self.meddle("release", job, sql("docs/operations.md", "Held jobs", job=job)[decision])

    @precondition(lambda self: self.having("failed", "completed"))
    @rule(pick=PICK)
    def requeue(self, pick: int) -> None:
        """The operator says: again."""
        jobs = self.having("failed", "completed")
        job = jobs[pick % len(jobs)]
        self.meddle("requeue", job, sql("docs/operations.md", "Requeueing failed jobs", job=job)[0])

    @precondition(lambda self: self.provider.accepted)
    @rule(pick=PICK, state=st.sampled_from(ReceiptState), again=st.booleans())
    def receipt(self, pick: int, state: ReceiptState, again: bool) -> None:
        """The provider tells how far a message has come."""
        message = self.provider.accepted[pick % len(self.provider.accepted)]
        told = Receipt(
            key=message.job.key,
            channel=message.channel,
            state=state,
            provider_id=message.provider_id if message.channel is SMS else None,
            lease_id=message.job.lease_id if message.channel is SMS else None,
            reason="not there" if state is ReceiptState.UNDELIVERED else None,
            retry_after=300.0 if again and message.channel is SMS else None,
            resends=1 if again and message.channel is SMS else 0,
        )
        (found,) = self.do(Step("receive", message.job.id), lambda: receive(self.store, [told]))
        if found.result is Received.RESENT:
            self.provider.allowed[message.recipient] += 1

    @precondition(lambda self: self.seen.leases or self.seen.schedule)
    @rule(minutes=st.sampled_from(MINUTES))
    def clock(self, minutes: int) -> None:
        """Time passes, or the database's clock is set: back it goes without any time passing."""
        self.now += max(minutes, 0)
        self.do(Step("clock", ours=False), lambda: self.stage.others.execute(SET_CLOCK, timedelta(minutes=minutes)))
