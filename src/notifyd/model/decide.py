"""What becomes of a job, decided from what its channels came to. Pure: the same inputs give the same verdict."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import assert_never

from notifyd.model.job import Channel, Delivery, DeliveryState, Doubt, Job
from notifyd.model.outcome import Outcome, Paused, Permanent, Retryable, Sent, Suppress, Unknown
from notifyd.model.retry import RetryPolicy, backoff
from notifyd.model.unknown import UnknownPolicy, UnknownRules
from notifyd.model.verdict import Bury, Cancel, Defer, Done, Hold, Verdict

LONGEST_WAIT = timedelta(days=1)
"""No provider is obeyed for longer: a nonsensical Retry-After must not put a job off for years."""

_AT_ONCE = RetryPolicy(timedelta(), timedelta())


def owed(job: Job, wanted: Iterable[Channel], rules: UnknownRules) -> tuple[Channel, ...]:
    """Return the channels that this attempt still has to send, in the order wanted.

    Args:
        job: The job with its ledger, after the provider was asked about what is unknown.
        wanted: The channels that the payload asks for and has an address for.
        rules: What is done about unknown outcomes.
    """
    return tuple(channel for channel in wanted if _is_owed(channel, job.deliveries.get(channel), rules))


def final(outcome: Outcome, job: Job) -> Outcome:
    """Turn a failure that could be retried into a permanent one when no attempt is left."""
    if isinstance(outcome, Retryable) and job.is_last_attempt:
        return Permanent(f"{outcome.reason} (gave up after {job.attempt} of {job.max_attempts} attempts)")
    return outcome


def decide(
    job: Job, outcomes: Mapping[Channel, Outcome], policy: RetryPolicy, jitter: float, rules: UnknownRules
) -> Verdict:
    """Decide what becomes of a job after an attempt.

    Args:
        job: The job with its ledger, after the provider was asked about what is unknown.
        outcomes: What this attempt came to, made `final`, by channel; empty when nothing was owed.
        policy: The backoff.
        jitter: A random number in [0, 1).
        rules: What is done about unknown outcomes.

    Returns:
        `Defer` while any channel is owed, or in doubt and to be asked for; otherwise `Hold` if an unknown outcome has
        to be looked at, `Done` if any channel was sent, else `Bury`.
    """
    ledger = {**{channel: _outcome(delivery) for channel, delivery in job.deliveries.items()}, **outcomes}
    policies = {channel: rules.policy(channel, _doubt(job, outcomes, channel)) for channel in ledger}
    spent = _is_spent(job, outcomes)
    waiting = {channel: outcome for channel, outcome in ledger.items() if _waits(outcome, job, policies[channel])}
    if not waiting:
        return _close(job, ledger, policies, spent=spent)
    failed = {channel: outcome for channel, outcome in waiting.items() if _has_failed(outcome, policies[channel])}
    if failed:
        asked = max((_wait(o.retry_after) for o in failed.values() if isinstance(o, Retryable)), default=timedelta())
        return Defer(max(backoff(job.attempt, policy, jitter), asked), spent=True, reason=_tell(waiting))
    doubts = [_doubt(job, outcomes, channel) for channel, outcome in waiting.items() if isinstance(outcome, Unknown)]
    if doubts:
        return Defer(min(map(rules.ask_in, doubts)), spent=spent, reason=_tell(waiting))
    pauses = {channel: outcome for channel, outcome in waiting.items() if isinstance(outcome, Paused)}
    return _outwait(pauses, _tell(waiting))


def given_up(job: Job, verdict: Bury | Cancel, rules: UnknownRules) -> Verdict:
    """Give a job up, unless one of its messages has left by now, or may have.

    Args:
        job: The job with its ledger, after the provider was asked about what is unknown.
        verdict: What becomes of it if nothing has.
        rules: What is done about unknown outcomes.
    """
    outcomes = {
        channel: Permanent(verdict.reason)
        for channel, delivery in job.deliveries.items()
        if _is_owed(channel, delivery, rules)
    }
    settled = decide(job, outcomes, _AT_ONCE, 0.0, rules)
    if isinstance(settled, Bury):
        return verdict
    if isinstance(settled, Done) and settled.note is None:  # its reason concerns a channel that the ledger never saw
        return Done(verdict.reason, settled.spent)
    return settled


def _doubt(job: Job, outcomes: Mapping[Channel, Outcome], channel: Channel) -> Doubt | None:
    """Return what the ledger knows of a message in doubt; None where it was cut off in this very attempt."""
    delivery = job.deliveries.get(channel)
    return None if channel in outcomes or delivery is None else delivery.doubt


def _is_spent(job: Job, outcomes: Mapping[Channel, Outcome]) -> bool:
    """Tell whether the attempt counts: not where it was one too many, nor where it did nothing but ask a provider."""
    asked = any(delivery.doubt for delivery in job.deliveries.values())
    tried = any(isinstance(outcome, Sent | Retryable | Suppress | Unknown) for outcome in outcomes.values())
    return not job.exhausted and (tried or not asked)


def _waits(outcome: Outcome, job: Job, policy: UnknownPolicy) -> bool:
    match outcome:
        case Retryable():
            return not job.is_last_attempt
        case Paused():
            return True
        case Unknown():
            return policy is UnknownPolicy.RECONCILE or (policy is UnknownPolicy.RESEND and not job.is_last_attempt)
        case Sent() | Permanent() | Suppress():
            return False
        case _:
            assert_never(outcome)


def _has_failed(outcome: Outcome, policy: UnknownPolicy) -> bool:
    return isinstance(outcome, Retryable) or (isinstance(outcome, Unknown) and policy is UnknownPolicy.RESEND)


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


def _close(
    job: Job, ledger: Mapping[Channel, Outcome], policies: Mapping[Channel, UnknownPolicy], *, spent: bool
) -> Verdict:
    failed = {channel: outcome for channel, outcome in ledger.items() if not isinstance(outcome, Sent)}
    parked = [channel for channel, outcome in failed.items() if isinstance(outcome, Unknown)]
    if any(policies[channel] is UnknownPolicy.PARK for channel in parked):
        return Hold(_tell(failed), spent)
    if len(failed) < len(ledger):
        return Done(_tell(failed) or None, spent)
    if not job.exhausted:
        return Bury(_tell(failed) or "no channel was left to send on", spent)
    used = f"attempts used up ({job.attempt - 1} of {job.max_attempts})"
    return Bury(f"{used}; {_tell(failed)}" if failed else used, spent=False)


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


def _is_owed(channel: Channel, delivery: Delivery | None, rules: UnknownRules) -> bool:
    match delivery:
        case None | Delivery(state=DeliveryState.RETRYING):
            return True
        case Delivery(state=DeliveryState.INTENDED | DeliveryState.UNKNOWN):
            return rules.policy(channel, delivery.doubt) is UnknownPolicy.RESEND
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
