"""Asks the provider what became of a message that an earlier attempt left in doubt.

May only ask, and write down under the job's lease what the answer proves; nothing is sent here. What can go wrong is
the provider: one that cannot be asked leaves the doubt as it is, and is asked again later.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import anyio

from notifyd import log
from notifyd.engine.channels import Outlet, observe, vindicate
from notifyd.engine.delivery import INTERRUPTED
from notifyd.engine.journal import about, inquiry_log
from notifyd.engine.leases import LeaseLost
from notifyd.engine.workshop import Workshop
from notifyd.model.job import Channel, DeliveryState, Job, Trace
from notifyd.model.message import Inquiry
from notifyd.model.outcome import Outcome, Paused, Retryable, SendError, Sent
from notifyd.model.unknown import UnknownPolicy
from notifyd.store.inquiries import Absent, Answer, Found, Undecided, prove
from notifyd.store.pool import outlast


async def clear_up(job: Job, outcomes: dict[Channel, Outcome], shop: Workshop) -> Job:
    """Ask about every message of a job that is in doubt and whose policy is to ask.

    Args:
        job: A claimed job with its ledger.
        outcomes: Takes a `Paused` for each channel whose provider may not be asked now.
        shop: What every attempt needs.

    Returns:
        The job with its ledger as it is now: what was in doubt is sent, or surely not, or still in doubt.

    Raises:
        LeaseLost: Nothing was written.
    """
    ledger = dict(job.deliveries)
    for outlet, inquiry, trace in _doubtful(job, shop):
        channel = outlet.channel
        try:
            answer = await _ask(job, outlet, inquiry, trace, shop)
        except anyio.get_cancelled_exc_class():  # a stop; the next await is cancelled as well
            answer = INTERRUPTED
        match answer:
            case Paused():
                outcomes[channel] = answer
            case Found():
                ledger[channel] = replace(ledger[channel], state=DeliveryState.SENT, reason=None)
            case Absent(reason):
                ledger[channel] = replace(ledger[channel], state=DeliveryState.RETRYING, reason=reason)
            case Undecided.LEASE_LOST:
                raise LeaseLost
            case Undecided.NOT_YET | Undecided.CONTESTED:
                pass
    return replace(job, deliveries=ledger)


def _doubtful(job: Job, shop: Workshop) -> Iterator[tuple[Outlet, Inquiry, Trace]]:
    for channel, delivery in job.deliveries.items():
        doubt, outlet = delivery.doubt, shop.outlets.get(channel)
        asks = doubt is not None and shop.rules.policy(channel, doubt) is UnknownPolicy.RECONCILE
        if asks and doubt and doubt.trace and outlet and outlet.inquiry:
            yield outlet, outlet.inquiry, doubt.trace


async def _ask(job: Job, outlet: Outlet, inquiry: Inquiry, trace: Trace, shop: Workshop) -> Answer | Paused:
    """Ask for one message, when its channel lets us, and write down what the answer proves."""
    if refused := await outlet.enter(asking=True):
        return refused
    probe = outlet.pause.reason is not None and not outlet.pause.suspected
    told: Outcome | None = None
    try:
        listed = await inquiry(trace)
        told = Sent("") if probe else None  # who answers a question lets us in again
        answer: Answer | Paused = await _prove(job, outlet.channel, listed, shop)
    except SendError as error:
        told = _failed(job, outlet.channel, error, shop)
        answer = told if isinstance(told, Paused) else Undecided.NOT_YET
    finally:
        if told is None:
            outlet.pause.abandon(probe=probe)
        elif observe(outlet, told, shop.vitals, probe=probe):
            shop.recheck.ring("due")
        outlet.leave()
    if isinstance(answer, Found) and vindicate(outlet, shop.vitals):
        shop.recheck.ring("due")
    return answer


async def _prove(job: Job, channel: Channel, listed: Sequence[str], shop: Workshop) -> Answer:
    doubt = job.deliveries[channel].doubt
    passed = doubt is not None and doubt.unknown_for >= shop.rules.grace
    answer = await outlast(lambda: prove(shop.store, job, channel, listed, grace_passed=passed))
    shop.vitals.inquiries_total[inquiry_log(job, channel, answer)] += 1
    return answer


def _failed(job: Job, channel: Channel, error: SendError, shop: Workshop) -> Paused | Retryable:
    """Say that the provider could not be asked. Returns what that says of the provider."""
    shop.vitals.inquiries_total["failed"] += 1
    log.warning("inquiry.failed", **about(job), channel=channel, reason=str(error), next="asked again later")
    return error.outcome if isinstance(error.outcome, Paused) else Retryable(str(error), suspicious=True)
