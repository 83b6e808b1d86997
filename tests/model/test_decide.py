"""`decide` over all that a job's channels can have come to: total, and it neither loses nor repeats a message."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifyd.model.decide import LONGEST_WAIT, decide, final, given_up, owed
from notifyd.model.job import Channel, Delivery, DeliveryState, Doubt, Job, JobId, LeaseId, Trace
from notifyd.model.outcome import Outcome, Paused, Permanent, Retryable, Sent, Suppress, Unknown
from notifyd.model.retry import RetryPolicy
from notifyd.model.unknown import UnknownPolicy, UnknownRules
from notifyd.model.verdict import Bury, Cancel, Defer, Done, Hold

EMAIL, SMS = Channel.EMAIL, Channel.SMS
RECONCILE, RESEND, PARK = UnknownPolicy
POLICY = RetryPolicy(timedelta(seconds=30), timedelta(hours=1))
GRACE = timedelta(seconds=60)
ASKED = UnknownRules({EMAIL: RESEND, SMS: RECONCILE}, GRACE)
"""The default: e-mail is sent again after an unknown outcome, and the provider is asked for an SMS."""
PARKED = UnknownRules({EMAIL: RESEND, SMS: PARK}, GRACE)

TRACE = Trace("+4915112345678", "+15005550006", "f" * 32, timedelta(seconds=20))

DOUBT = "outcome unknown, it may have been delivered"

Outcomes = Mapping[Channel, Outcome]


def job(attempt: int = 1, max_attempts: int = 3, **deliveries: DeliveryState) -> Job:
    """Return a claimed job with this ledger."""
    return Job(
        id=JobId("job-1"),
        key="0" * 32,
        lease_id=LeaseId(1),
        salon_id="salon-1",
        client_id="client-1",
        appointment_id=None,
        type="cancellation",
        payload="{}",
        attempt=attempt,
        max_attempts=max_attempts,
        now=datetime(2027, 1, 4, tzinfo=UTC),
        deliveries={Channel(channel): Delivery(state, "earlier") for channel, state in deliveries.items()},
    )


waits = st.none() | st.floats(0, 1e5) | st.sampled_from([-1.0, 0.0, 1e300, float("inf")])
reasons = st.sampled_from(["busy", "", "refused"])
outcomes = st.one_of(
    st.builds(Sent, st.just("id")),
    st.builds(Retryable, reasons, waits, st.booleans()),
    st.builds(Permanent, reasons, st.booleans(), st.booleans()),
    st.builds(Suppress, reasons),
    st.builds(Paused, reasons, waits, st.booleans(), st.booleans()),
    st.builds(Unknown, reasons),
)
counters = st.integers(-3, 6) | st.sampled_from([2**31 - 1, -(2**31)])
doubts = st.builds(Doubt, st.timedeltas(timedelta(), timedelta(days=1)), st.sampled_from([TRACE, None]))
ledgers = st.dictionaries(
    st.sampled_from(Channel),
    st.builds(Delivery, st.sampled_from(DeliveryState), st.none() | reasons, st.none() | doubts),
)
rules = st.builds(
    lambda email, sms: UnknownRules({EMAIL: email, SMS: sms}, GRACE),
    st.sampled_from(UnknownPolicy),
    st.sampled_from(UnknownPolicy),
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Job, Outcomes, UnknownRules]:
    """A job as an attempt leaves it: what was owed has an outcome, made final."""
    attempt = draw(st.integers(1, 6) | st.just(2**31 - 1))
    claimed = job(attempt, attempt + draw(st.integers(-1, 1)) if draw(st.booleans()) else draw(counters))
    object.__setattr__(claimed, "deliveries", draw(ledgers))
    chosen = draw(rules)
    came: dict[Channel, Outcome] = {}
    if not claimed.exhausted:
        wanted = draw(st.lists(st.sampled_from(Channel), unique=True))
        came = {channel: final(draw(outcomes), claimed) for channel in owed(claimed, wanted, chosen)}
    return claimed, came, chosen


def settled(claimed: Job, came: Outcomes) -> dict[Channel, object]:
    """What is known of every channel after the attempt: an outcome, or else the ledger's state."""
    return {**{channel: delivery.state for channel, delivery in claimed.deliveries.items()}, **came}


def in_doubt(claimed: Job, came: Outcomes, chosen: UnknownRules, policy: UnknownPolicy) -> set[Channel]:
    """The channels whose message may have been delivered, and of which the rules say this."""
    found = set()
    for channel, known in settled(claimed, came).items():
        if isinstance(known, Unknown) or known in (DeliveryState.INTENDED, DeliveryState.UNKNOWN):
            doubt = None if channel in came else claimed.deliveries[channel].doubt
            asked = chosen.policies[channel] is RECONCILE and doubt is not None and doubt.trace is None
            if policy is (PARK if asked else chosen.policies[channel]):
                found.add(channel)
    return found


def still_owed(claimed: Job, came: Outcomes, chosen: UnknownRules) -> set[Channel]:
    """The channels on which something may still be sent, by the rules and in other words than the code's."""
    left = not claimed.is_last_attempt
    again = {
        channel
        for channel, known in settled(claimed, came).items()
        if isinstance(known, Retryable) or known == DeliveryState.RETRYING
    } | in_doubt(claimed, came, chosen, RESEND)
    return {channel for channel, known in came.items() if isinstance(known, Paused)} | (again if left else set())


def was_sent(claimed: Job, came: Outcomes) -> bool:
    """Whether any channel was."""
    return any(isinstance(known, Sent) or known == DeliveryState.SENT for known in settled(claimed, came).values())


@given(situations(), st.floats(0, 1, exclude_max=True))
def test_every_situation_has_its_verdict(situation: tuple[Job, Outcomes, UnknownRules], jitter: float) -> None:
    """Owed or to be asked for: deferred. Else in doubt: held. Else anything sent: done. Else buried. Nothing raises."""
    claimed, came, chosen = situation
    verdict = decide(claimed, came, POLICY, jitter, chosen)
    if still_owed(claimed, came, chosen) or in_doubt(claimed, came, chosen, RECONCILE):
        assert isinstance(verdict, Defer)
    elif in_doubt(claimed, came, chosen, PARK):
        assert isinstance(verdict, Hold)
    elif was_sent(claimed, came):
        assert isinstance(verdict, Done)
    else:
        assert isinstance(verdict, Bury)
        assert verdict.reason
    if claimed.exhausted:
        assert not getattr(verdict, "spent", False)


@given(situations(), st.floats(0, 1, exclude_max=True))
def test_deferrals(situation: tuple[Job, Outcomes, UnknownRules], jitter: float) -> None:
    """A delay is bounded and never negative; pauses alone spend nothing; a retry waits as long as the provider asks."""
    claimed, came, chosen = situation
    verdict = decide(claimed, came, POLICY, jitter, chosen)
    if not isinstance(verdict, Defer):
        return
    assert timedelta() <= verdict.delay <= LONGEST_WAIT
    waiting, asked_for = still_owed(claimed, came, chosen), in_doubt(claimed, came, chosen, RECONCILE)
    paused = {channel for channel in waiting if isinstance(came.get(channel), Paused)}
    if waiting != paused:
        asked = [known.retry_after or 0.0 for channel in waiting if isinstance(known := came.get(channel), Retryable)]
        assert verdict.delay >= min(timedelta(seconds=min(max(asked, default=0.0), 1e6)), LONGEST_WAIT)
        assert verdict.delay >= POLICY.base / 2
        assert (True, None) == (verdict.spent, verdict.waits_for)
    elif asked_for:
        assert timedelta() < verdict.delay <= GRACE
        assert verdict.waits_for is None
    else:
        whole = all(pause.whole_channel for channel in paused if isinstance(pause := came[channel], Paused))
        assert (",".join(sorted(paused)) if whole else None) == verdict.waits_for
        assert not verdict.spent


@given(situations())
def test_nothing_is_sent_twice(situation: tuple[Job, Outcomes, UnknownRules]) -> None:
    """A channel that was sent, given up, is parked, or is to be asked for is never owed."""
    claimed, _, chosen = situation
    over = {DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.SUPPRESSED}
    for channel in owed(claimed, list(Channel), chosen):
        delivery = claimed.deliveries.get(channel)
        assert delivery is None or delivery.state not in over
        assert channel not in in_doubt(claimed, {}, chosen, PARK) | in_doubt(claimed, {}, chosen, RECONCILE)


@given(ledgers, st.lists(st.sampled_from(Channel), unique=True), rules)
def test_what_is_owed(ledger: Mapping[Channel, Delivery], wanted: list[Channel], chosen: UnknownRules) -> None:
    """Exactly what is wanted and neither settled nor in a doubt that must be cleared first, in the order wanted."""
    claimed = job()
    object.__setattr__(claimed, "deliveries", ledger)
    again = in_doubt(claimed, {}, chosen, RESEND)
    expected = [
        channel
        for channel in wanted
        if channel not in ledger or ledger[channel].state is DeliveryState.RETRYING or channel in again
    ]
    assert expected == list(owed(claimed, wanted, chosen))


@given(outcomes, counters, counters)
@example(Retryable("busy"), 3, 3)
def test_final(outcome: Outcome, attempt: int, max_attempts: int) -> None:
    """On the last attempt what could be retried is permanent, and says how many there were; else all is as it was."""
    claimed = job(attempt, max_attempts)
    came = final(outcome, claimed)
    if isinstance(outcome, Retryable) and attempt >= max_attempts:
        assert Permanent(f"{outcome.reason} (gave up after {attempt} of {max_attempts} attempts)") == came
    else:
        assert outcome is came


@pytest.mark.parametrize(
    ("claimed", "came", "expected"),
    [
        (job(), {EMAIL: Sent("1"), SMS: Sent("2")}, Done()),
        (job(), {EMAIL: Sent("1"), SMS: Permanent("bad number")}, Done("sms: bad number")),
        (job(), {EMAIL: Permanent("a"), SMS: Suppress("b")}, Bury("email: a; sms: suppressed: b")),
        (job(), {}, Bury("no channel was left to send on")),
        (job(2, email=DeliveryState.SENT), {SMS: Sent("2")}, Done()),
        (job(2, email=DeliveryState.SENT), {SMS: Suppress("stop")}, Done("sms: suppressed: stop")),
        (job(2, email=DeliveryState.SENT, sms=DeliveryState.SENT), {}, Done()),
        (job(), {EMAIL: Sent("1"), SMS: Unknown("cut")}, Hold(f"sms: {DOUBT}: cut")),
        (
            job(2, email=DeliveryState.SENT, sms=DeliveryState.INTENDED),
            {},
            Hold(f"sms: {DOUBT}: earlier"),
        ),
        (job(), {EMAIL: Retryable("busy"), SMS: Sent("1")}, Defer(timedelta(seconds=15), True, "email: busy")),
        (job(2), {EMAIL: Retryable("busy", 600)}, Defer(timedelta(minutes=10), True, "email: busy")),
        (
            job(),
            {EMAIL: Unknown("cut")},
            Defer(timedelta(seconds=15), True, f"email: {DOUBT}: cut"),
        ),
        (job(), {EMAIL: Paused("down", 7), SMS: Sent("1")}, Defer(timedelta(seconds=7), False, "email: down", EMAIL)),
        (
            job(),
            {EMAIL: Paused("down", 7), SMS: Paused("429", 3)},
            Defer(timedelta(seconds=3), False, "email: down; sms: 429", "email,sms"),
        ),
        (
            job(),
            {EMAIL: Paused("busy", 5, whole_channel=False), SMS: Paused("429", 3)},
            Defer(timedelta(seconds=5), False, "email: busy; sms: 429"),
        ),
        (job(), {SMS: Paused("busy", 5, whole_channel=False)}, Defer(timedelta(seconds=5), False, "sms: busy")),
        (job(3), {EMAIL: Paused("down"), SMS: Permanent("x")}, Defer(timedelta(), False, "email: down", EMAIL)),
        (job(3, email=DeliveryState.RETRYING), {SMS: Sent("1")}, Done("email: earlier")),
        (job(3, email=DeliveryState.UNKNOWN), {SMS: Sent("1")}, Done(f"email: {DOUBT}: earlier")),
        (job(4), {}, Bury("attempts used up (3 of 3)", spent=False)),
        (job(1, 0), {}, Bury("attempts used up (0 of 0)", spent=False)),
        (job(4, email=DeliveryState.RETRYING), {}, Bury("attempts used up (3 of 3); email: earlier", spent=False)),
        (job(4, email=DeliveryState.SENT, sms=DeliveryState.RETRYING), {}, Done("sms: earlier", spent=False)),
        (
            job(4, email=DeliveryState.SENT, sms=DeliveryState.UNKNOWN),
            {},
            Hold(f"sms: {DOUBT}: earlier", spent=False),
        ),
    ],
)
def test_by_example(claimed: Job, came: Outcomes, expected: Done | Defer | Bury | Cancel | Hold) -> None:
    """The verdicts that the documentation tells of, word for word."""
    assert expected == decide(claimed, came, POLICY, 0.0, PARKED)


@given(situations(), st.floats(0, 1, exclude_max=True))
def test_pure(situation: tuple[Job, Outcomes, UnknownRules], jitter: float) -> None:
    """The same inputs give the same verdict, in whatever order the channels came in."""
    claimed, came, chosen = situation
    backwards = dict(reversed(list(came.items())))
    assert decide(claimed, came, POLICY, jitter, chosen) == decide(claimed, backwards, POLICY, jitter, chosen)


def doubted(state: DeliveryState, seconds: float, trace: Trace | None = TRACE) -> dict[Channel, Delivery]:
    """Return the ledger of a job whose e-mail was sent, and whose SMS has been in doubt for so long."""
    doubt = Doubt(timedelta(seconds=seconds), trace)
    return {EMAIL: Delivery(DeliveryState.SENT), SMS: Delivery(state, "cut", doubt)}


@pytest.mark.parametrize(
    ("attempt", "ledger", "came", "expected"),
    [
        (1, {}, {EMAIL: Sent("1"), SMS: Unknown("cut")}, Defer(timedelta(seconds=1), True, f"sms: {DOUBT}: cut")),
        (2, doubted(DeliveryState.UNKNOWN, 1), {}, Defer(timedelta(seconds=1), False, f"sms: {DOUBT}: cut")),
        (2, doubted(DeliveryState.UNKNOWN, 8), {}, Defer(timedelta(seconds=8), False, f"sms: {DOUBT}: cut")),
        (2, doubted(DeliveryState.UNKNOWN, 59), {}, Defer(timedelta(seconds=1), False, f"sms: {DOUBT}: cut")),
        (2, doubted(DeliveryState.UNKNOWN, 7200), {}, Defer(timedelta(seconds=60), False, f"sms: {DOUBT}: cut")),
        (4, doubted(DeliveryState.UNKNOWN, 1), {}, Defer(timedelta(seconds=1), False, f"sms: {DOUBT}: cut")),
        (
            2,
            doubted(DeliveryState.UNKNOWN, 1),
            {SMS: Paused("429", 9)},
            Defer(timedelta(seconds=9), False, "sms: 429", SMS),
        ),
        (2, doubted(DeliveryState.SENT, 1), {}, Done(spent=False)),
        (2, doubted(DeliveryState.RETRYING, 60), {SMS: Sent("2")}, Done()),
        (4, doubted(DeliveryState.RETRYING, 60), {}, Done("sms: cut", spent=False)),
        (2, doubted(DeliveryState.UNKNOWN, 1, None), {}, Hold(f"sms: {DOUBT}: cut", spent=False)),
    ],
)
def test_an_sms_in_doubt(attempt: int, ledger: dict[Channel, Delivery], came: Outcomes, expected: Defer | Done) -> None:
    """The provider is asked, ever more seldom and once more when the grace has passed; asking spends no attempt."""
    claimed = replace(job(attempt), deliveries=ledger)
    assert expected == decide(claimed, came, POLICY, 0.0, ASKED)


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        ({}, Cancel("too late")),
        ({EMAIL: Delivery(DeliveryState.RETRYING, "busy")}, Cancel("too late")),
        ({EMAIL: Delivery(DeliveryState.SENT)}, Done("too late")),
        (
            {EMAIL: Delivery(DeliveryState.SENT), SMS: Delivery(DeliveryState.RETRYING, "busy")},
            Done("sms: too late"),
        ),
        (doubted(DeliveryState.UNKNOWN, 1), Defer(timedelta(seconds=1), False, f"sms: {DOUBT}: cut")),
    ],
)
def test_a_job_that_is_given_up(ledger: dict[Channel, Delivery], expected: Cancel | Done | Defer) -> None:
    """What has left stays sent, what may have left is asked for first, and only the rest is given up."""
    assert expected == given_up(replace(job(2), deliveries=ledger), Cancel("too late"), ASKED)
