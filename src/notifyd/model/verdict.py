"""What becomes of a job, decided from what its channels came to. Pure: the same inputs give the same verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from notifyd.model.job import Channel, Delivery, DeliveryState, Job
from notifyd.model.outcome import Outcome, Paused, Permanent, Retryable, Sent, Suppress, Unknown
from notifyd.model.retry import RetryPolicy, backoff

LONGEST_WAIT = timedelta(days=1)
"""No provider is obeyed for longer: a nonsensical Retry-After must not put a job off for years."""


@dataclass(frozen=True, slots=True)
class Done:
    """Every channel is settled and at least one was sent: `completed`.

    Attributes:
        note: Which channel failed or was skipped, and why; None where all went well.
    """

    note: str | None = None


@dataclass(frozen=True, slots=True)
class Defer:
    """Back to wait: `scheduled`.

    Attributes:
        delay: How long, by the database's clock.
        spent: Whether the attempt counts; a pause, a stop or a job whose time has not come spends none.
        reason: Why it waits.
        waits_for: The paused channels, comma-separated and in order, where they are all it waits for: it may go as soon
            as one of them is back.
    """

    delay: timedelta
    spent: bool
    reason: str | None = None
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Bury:
    """Given up, kept for the operator: `failed`.

    Attributes:
        spent: Whether the attempt counts; it does not where none was left to begin with.
    """

    reason: str
    spent: bool = True


@dataclass(frozen=True, slots=True)
class Cancel:
    """No longer worth sending: `cancelled`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Not to be sent until a person has looked: `held`."""

    reason: str


Verdict = Done | Defer | Bury | Cancel | Hold


def owed(job: Job, wanted: Iterable[Channel], resend_unknown: frozenset[Channel]) -> tuple[Channel, ...]:
    """Return the channels that this attempt still has to send, in the order wanted.

    Args:
        job: The job with its ledger.
        wanted: The channels that the payload asks for and has an address for.
        resend_unknown: The channels whose policy for an unknown outcome is to send again.
    """
    return tuple(channel for channel in wanted if _is_owed(job.deliveries.get(channel), channel in resend_unknown))


def final(outcome: Outcome, job: Job) -> Outcome:
    """Turn a failure that could be retried into a permanent one when no attempt is left."""
    if isinstance(outcome, Retryable) and job.is_last_attempt:
        return Permanent(f"{outcome.reason} (gave up after {job.attempt} of {job.max_attempts} attempts)")
    return outcome


def decide(
    job: Job,
    outcomes: Mapping[Channel, Outcome],
    policy: RetryPolicy,
    jitter: float,
    resend_unknown: frozenset[Channel],
) -> Verdict:
    """Decide what becomes of a job after an attempt.

    Args:
        job: The job with the ledger as it was at claim.
        outcomes: What this attempt came to, made `final`, by channel; empty when nothing was owed.
        policy: The backoff.
        jitter: A random number in [0, 1).
        resend_unknown: The channels that are sent again after an unknown outcome, with the same identity.

    Returns:
        `Defer` while any channel is owed; otherwise `Hold` if an unknown outcome has to be looked at, `Done` if any
        channel was sent, else `Bury`.
    """
    ledger = {**{channel: _outcome(delivery) for channel, delivery in job.deliveries.items()}, **outcomes}
    if job.exhausted:
        return _exhaust(job, ledger, resend_unknown)
    waiting = {channel: outcome for channel, outcome in ledger.items() if _waits(channel, outcome, job, resend_unknown)}
    if waiting:
        return _defer(waiting, job, policy, jitter)
    return _close(ledger, resend_unknown)


def _waits(channel: Channel, outcome: Outcome, job: Job, resend_unknown: frozenset[Channel]) -> bool:
    match outcome:
        case Retryable():
            return not job.is_last_attempt
        case Paused():
            return True
        case Unknown():
            return channel in resend_unknown and not job.is_last_attempt
        case Sent() | Permanent() | Suppress():
            return False
        case _:
            assert_never(outcome)


def _defer(waiting: Mapping[Channel, Outcome], job: Job, policy: RetryPolicy, jitter: float) -> Defer:
    reason = _tell(waiting)
    pauses = {channel: outcome for channel, outcome in waiting.items() if isinstance(outcome, Paused)}
    if len(pauses) == len(waiting):
        return _outwait(pauses, reason)
    asked = max((_wait(o.retry_after) for o in waiting.values() if isinstance(o, Retryable)), default=timedelta())
    return Defer(max(backoff(job.attempt, policy, jitter), asked), spent=True, reason=reason)


def _outwait(pauses: Mapping[Channel, Paused], reason: str) -> Defer:
    """Wait for whichever channel is the first to come back: none may keep the job from another."""
    alone = [pause for pause in pauses.values() if not pause.whole_channel]
    delay = min(_wait(pause.retry_after) for pause in alone or pauses.values())
    return Defer(delay, spent=False, reason=reason, waits_for=None if alone else ",".join(sorted(pauses)))


def _wait(asked: float | None) -> timedelta:
    """Turn what a provider asks for, whatever it is, into a delay that can be kept."""
    if asked is None or not asked > 0:  # not a number is not greater either
        return timedelta()
    return timedelta(seconds=min(asked, LONGEST_WAIT.total_seconds()))


def _exhaust(job: Job, ledger: Mapping[Channel, Outcome], resend_unknown: frozenset[Channel]) -> Verdict:
    """Settle a job whose attempts were used up before this one began: by a crash, or as the row came to us."""
    used = f"attempts used up ({job.attempt - 1} of {job.max_attempts})"
    match _close(ledger, resend_unknown):
        case Bury(reason):
            return Bury(f"{used}; {reason}" if ledger else used, spent=False)
        case closed:
            return closed


def _close(ledger: Mapping[Channel, Outcome], resend_unknown: frozenset[Channel]) -> Verdict:
    failed = {channel: outcome for channel, outcome in ledger.items() if not isinstance(outcome, Sent)}
    if any(isinstance(outcome, Unknown) and channel not in resend_unknown for channel, outcome in failed.items()):
        return Hold(_tell(failed))
    if len(failed) == len(ledger):
        return Bury(_tell(failed) or "no channel was left to send on")
    return Done(_tell(failed) or None)


def _tell(outcomes: Mapping[Channel, Outcome]) -> str:
    return "; ".join(f"{channel}: {_reason(outcome)}" for channel, outcome in sorted(outcomes.items()))


def _reason(outcome: Outcome) -> str:
    match outcome:
        case Sent():
            return "sent"
        case Unknown(reason):
            return f"outcome unknown, it may have been delivered: {reason}"
        case Suppress(reason):
            return f"suppressed: {reason}"
        case Retryable(reason) | Permanent(reason) | Paused(reason):
            return reason
        case _:
            assert_never(outcome)


def _is_owed(delivery: Delivery | None, resend: bool) -> bool:
    match delivery:
        case None | Delivery(state=DeliveryState.RETRYING):
            return True
        case Delivery(state=DeliveryState.INTENDED | DeliveryState.UNKNOWN):
            return resend
        case _:
            return False


def _outcome(delivery: Delivery) -> Outcome:
    reason = delivery.reason or "no reason recorded"
    match delivery.state:
        case DeliveryState.SENT:
            return Sent("")
        case DeliveryState.FAILED:
            return Permanent(reason)
        case DeliveryState.SUPPRESSED:
            return Suppress(reason)
        case DeliveryState.INTENDED | DeliveryState.UNKNOWN:  # an intent without an outcome: nobody knows
            return Unknown(reason)
        case DeliveryState.RETRYING:
            return Retryable(reason)
        case _:
            assert_never(delivery.state)
