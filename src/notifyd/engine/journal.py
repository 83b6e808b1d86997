"""What the journal says of a job: one line for each change of state, never an address, a number or a text.

The names of the events are documented in `docs/reference/logs.md`.
"""

from typing import assert_never

from notifyd import log
from notifyd.model.job import Channel, Job, State
from notifyd.model.outcome import Outcome, Paused, Permanent, Retryable, Sent, Suppress, Unknown
from notifyd.model.verdict import Bury, Cancel, Defer, Done, Hold, Verdict
from notifyd.store.inquiries import Absent, Answer, Found, Undecided


def about(job: Job) -> dict[str, object]:
    """Return the fields by which every line about a job names it."""
    return {"job": job.id, "salon": job.salon_id, "type": job.type, "attempt": f"{job.attempt}/{job.max_attempts}"}


def delivery_log(job: Job, channel: Channel, outcome: Outcome) -> None:
    """Say what one send came to."""
    fields = {**about(job), "channel": channel.value}
    match outcome:
        case Sent(provider_id):
            log.info("delivery.sent", **fields, provider_id=provider_id)
        case Retryable(reason):
            log.warning("delivery.retrying", **fields, reason=reason)
        case Paused(reason):
            log.info("delivery.paused", **fields, reason=reason)
        case Permanent(reason, loud):
            (log.error if loud else log.warning)("delivery.failed", **fields, reason=reason)
        case Suppress(reason):
            log.warning("delivery.suppressed", **fields, reason=reason, what="this recipient is not contacted again")
        case Unknown(reason):
            log.error("delivery.unknown", **fields, reason=reason, what="the message may have been delivered")
        case _:
            assert_never(outcome)


def inquiry_log(job: Job, channel: Channel, answer: Answer) -> str:
    """Say what the provider said about a message in doubt. Returns the answer's name."""
    fields = {**about(job), "channel": channel.value}
    match answer:
        case Found(provider_id, copies) if copies > 1:
            what = f"the provider has {copies} messages for this delivery: the client got it more than once"
            log.error("delivery.doubled", **fields, provider_id=provider_id, what=what)
            return "found"
        case Found(provider_id):
            log.info("delivery.found", **fields, provider_id=provider_id, what="the provider has it: it was sent")
            return "found"
        case Absent():
            log.warning("delivery.absent", **fields, what="the provider does not have it: it is surely unsent")
            return "absent"
        case Undecided():
            log.debug("delivery.undecided", **fields, what=answer.name.lower(), next="asked again later")
            return "undecided"
        case _:
            assert_never(answer)


def verdict_log(job: Job, verdict: Verdict) -> State:
    """Say what became of a job. Returns its state."""
    fields = about(job)
    match verdict:
        case Done(note, _):
            log.info("job.completed", **fields, **({"note": note} if note else {}))
            return State.COMPLETED
        case Defer(delay, spent, reason, waits_for):
            seconds = round(delay.total_seconds(), 1)
            log.info("job.scheduled", **fields, reason=reason, due_in_s=seconds, spent=spent, waits_for=waits_for)
            return State.SCHEDULED
        case Bury(reason):
            log.warning("job.failed", **fields, reason=reason)
            return State.FAILED
        case Cancel(reason):
            log.info("job.cancelled", **fields, reason=reason)
            return State.CANCELLED
        case Hold(reason):
            log.error("job.held", **fields, reason=reason, next="docs/operations.md, Held jobs")
            return State.HELD
        case _:
            assert_never(verdict)
