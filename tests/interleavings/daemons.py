"""The daemons' rules: what they do with the jobs that they have claimed, in time or long after they have lost them."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from interleavings.attempt import EMAIL, GRACE, INTERRUPTED, SMS, Attempt
from interleavings.judge import Step
from interleavings.others import PICK
from interleavings.stage import Stage
from interleavings.upkeep import DAEMON, UpkeepRules
from notifyd.model.outcome import Outcome, Permanent, Retryable, Sent, Suppress, Unknown
from notifyd.model.verdict import Bury, Cancel, Defer, Done, Hold, Verdict
from notifyd.store.deliveries import Refused, Suppressed, intend
from notifyd.store.inquiries import Undecided, prove
from notifyd.store.record import Record, VerdictRecord, record

T = TypeVar("T")

FATES: dict[str, tuple[bool, Outcome]] = {
    "accepted": (True, Sent("")),
    "accepted, unheard": (True, Unknown("cut off")),
    "lost": (False, Unknown("cut off")),
    "refused for now": (False, Retryable("not now")),
    "refused": (False, Permanent("never")),
    "unsubscribed": (False, Suppress("stop")),
}
"""What becomes of a message: whether the provider takes it, and what the daemon hears."""

WHIMS: dict[str, Verdict | None] = {
    "as it went": None,
    "too late": Cancel("too late"),
    "to be looked at": Hold("look at it"),
    "at once": Defer(timedelta(), spent=False),
    "in an hour": Defer(timedelta(hours=1), spent=False),
    "when a provider is back": Defer(timedelta(), spent=False, waits_for="email,sms"),
}
"""Verdicts: the one that the attempt has come to, or another."""

STATUS = {Done: "completed", Bury: "failed", Cancel: "cancelled", Hold: "held", Defer: "scheduled"}

MOST_STEPS = 5
"""Steps of an attempt: it asks, intends, hands over twice, and settles."""

FATE = st.sampled_from((*FATES, "accepted, unheard", "lost"))
TWICE = st.sampled_from((False, False, True))
"""Whether the answer to a statement is lost, so that it is repeated."""


class DaemonRules(UpkeepRules):
    """What daemons do with what they have claimed.

    Attributes:
        settled: The leases under which a verdict was written.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.settled: set[int] = set()

    def write(
        self, attempt: Attempt, name: str, work: Callable[[], Coroutine[Any, Any, T]], *, twice: bool = False
    ) -> T:
        """Make a step under an attempt's lease."""
        step = Step(name, attempt.job.id, attempt.job.lease_id)
        answer = self.do(step, work)
        if twice:
            again = self.do(step, work)
            assert answer == again, f"{step}: {answer}, and when repeated: {again}"
        return answer

    @rule(pick=PICK, fate=FATE, twice=TWICE)
    def go_on(self, pick: int, fate: str, twice: bool) -> None:
        """An attempt takes its next step; where there is none, one begins."""
        if self.attempts:
            self.next_step(self.attempts[pick % len(self.attempts)], fate, twice=twice)
        else:
            self.begin(pick % 3)

    @rule(daemon=DAEMON, fate=FATE)
    def carry_out(self, daemon: int, fate: str) -> None:
        """A daemon claims, and carries out all that it has, undisturbed."""
        self.begin(daemon)
        for attempt in [attempt for attempt in self.attempts if attempt.daemon == self.daemons[daemon]]:
            for _ in range(MOST_STEPS):
                if attempt in self.attempts:
                    self.next_step(attempt, fate, twice=False)

    def begin(self, daemon: int) -> None:
        """A daemon claims, after there is something to claim."""
        if not self.having("pending"):
            if self.having("scheduled"):
                self.clock(minutes=97)
                self.promote(back=(EMAIL, SMS))
            else:
                self.insert(attempts=2)
        self.claim(daemon, heard=True)

    def next_step(self, attempt: Attempt, fate: str, *, twice: bool) -> None:
        """Ask, intend, hand over or settle, whatever comes next."""
        if attempt.must_ask and not attempt.asked:
            self.ask(attempt, twice=twice)
        elif attempt.owed:
            self.intend(attempt, twice=twice)
        elif attempt.granted:
            self.hand_over(attempt, fate)
        else:
            self.settle_with(attempt, attempt.verdict(), twice=twice)

    def ask(self, attempt: Attempt, *, twice: bool) -> None:
        """The provider lists its messages; what that proves is written down."""
        doubt = attempt.job.deliveries[SMS].doubt
        listed = self.provider.list(attempt.recipient, self.now)
        passed = doubt is not None and doubt.unknown_for >= GRACE
        answer = self.write(
            attempt, "prove", lambda: prove(self.store, attempt.job, SMS, listed, grace_passed=passed), twice=twice
        )
        if answer is Undecided.LEASE_LOST:
            self.attempts.remove(attempt)
        else:
            attempt.learn(answer)

    def intend(self, attempt: Attempt, *, twice: bool) -> None:
        """The intents for all that is owed."""
        held, intents = self.holds(attempt), attempt.intents()
        grants = self.write(attempt, "intend", lambda: intend(self.store, intents), twice=twice)
        for intent, grant in zip(intents, grants, strict=True):
            assert held or grant is Refused.LEASE_LOST
            if isinstance(grant, Suppressed):
                attempt.hear(intent.channel, Suppress(grant.reason))
            elif grant is None:
                attempt.outcomes[intent.channel] = INTERRUPTED
        if Refused.LEASE_LOST in grants:
            self.attempts.remove(attempt)

    def hand_over(self, attempt: Attempt, fate: str) -> None:
        """A message leaves, unless its deadline has passed: then nothing does, and that is written down."""
        if attempt.good_until <= self.now:
            self.write(attempt, "record", lambda: record(self.store, attempt.records(at_the_end=True)))
            self.attempts.remove(attempt)
            return
        channel = attempt.granted[0]
        accepted, outcome = FATES[fate]
        if accepted:
            provider_id = self.provider.accept(attempt.job, channel, attempt.recipient, self.now)
            outcome = Sent(provider_id) if isinstance(outcome, Sent) else outcome
        attempt.hear(channel, outcome)
        assert [] == list(self.provider.complaints())

    @precondition(lambda self: any(attempt.handed_over for attempt in self.attempts))
    @rule(pick=PICK, twice=TWICE)
    def record(self, pick: int, twice: bool) -> None:
        """What was handed over, and what it came to."""
        waiting = [attempt for attempt in self.attempts if attempt.handed_over]
        attempt = waiting[pick % len(waiting)]
        self.write(attempt, "record", lambda: record(self.store, attempt.records(at_the_end=False)), twice=twice)

    @precondition(lambda self: self.attempts)
    @rule(pick=PICK, whim=st.sampled_from(["as it went", *WHIMS]), twice=TWICE)
    def settle(self, pick: int, whim: str, twice: bool) -> None:
        """An attempt ends, wherever it stands: by a stop, or for reasons that have nothing to do with sending."""
        attempt = self.attempts[pick % len(self.attempts)]
        self.settle_with(attempt, WHIMS[whim] or attempt.verdict(), twice=twice)

    def settle_with(self, attempt: Attempt, verdict: Verdict, *, twice: bool) -> None:
        """The verdict, with all outcomes that are not written yet."""
        at_once = isinstance(verdict, Defer) and verdict.delay <= timedelta() and verdict.waits_for is None
        job, held = attempt.job, self.holds(attempt)
        step = Step("settle", job.id, job.lease_id, verdict="pending" if at_once else STATUS[type(verdict)])
        records: list[Record] = [*attempt.records(at_the_end=True), VerdictRecord(job, verdict)]
        found = self.do(step, lambda: record(self.store, records))[-1]
        assert found is not None
        assert held == found.lease_held
        assert found.row_locked == (held and job.id == self.locked)
        if found.row_locked:
            attempt.handed_over = set(attempt.outcomes)  # the engine has given up sending, and tries again
            return
        assert not (held and job.lease_id in self.settled)
        self.settled |= {job.lease_id} if held else set()
        self.attempts.remove(attempt)
        if twice:
            again = self.do(step, lambda: record(self.store, records))[-1]
            assert again is not None
            assert not again.lease_held
