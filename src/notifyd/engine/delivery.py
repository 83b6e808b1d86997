"""One channel of one job, once: rendered, intended, handed over, recorded.

This is the one place that catches what transports raise and turns it into values.
"""

import anyio

from notifyd import log
from notifyd.content.sms import measure
from notifyd.engine.channels import Outlet, observe
from notifyd.engine.journal import about, delivery_log
from notifyd.engine.leases import LeaseLost
from notifyd.engine.workshop import Workshop
from notifyd.model.decide import final
from notifyd.model.fault import Fault
from notifyd.model.job import Channel, Job
from notifyd.model.message import Message, Sms
from notifyd.model.outcome import Outcome, Paused, Permanent, SendError, Suppress, Unknown
from notifyd.model.payload import Booking
from notifyd.store.deliveries import Intent, Suppressed
from notifyd.store.record import SendRecord

INTERRUPTED = Paused("notifyd was stopped", whole_channel=False)
"""Cut off before the message was handed over."""


async def deliver(job: Job, booking: Booking, channel: Channel, shop: Workshop) -> Outcome:
    """Render one message and, when its channel lets it through, send it.

    Returns:
        What it came to; already on its way into the ledger where an intent was written.

    Raises:
        LeaseLost: Nothing was sent.
    """
    outlet = shop.outlets.get(channel)
    if outlet is None:
        return Permanent("skipped, this channel is off")
    try:
        message = shop.render(job, booking, channel)
    except Fault as fault:
        return Permanent(str(fault))
    except OSError as trouble:  # of this machine: no file descriptor is left, say
        return Paused(f"a template cannot be read ({trouble.strerror})", retry_after=5.0, whole_channel=False)
    if refused := await outlet.enter():
        return refused
    try:
        return await _send(job, message, outlet, shop)
    finally:
        outlet.leave()


async def _send(job: Job, message: Message, outlet: Outlet, shop: Workshop) -> Outcome:
    """Commit the intent, hand the message over, and put the outcome on its way into the ledger."""
    probe = outlet.pause.reason is not None
    outcome: Outcome = INTERRUPTED
    try:
        if suppressed := await _intend(job, message, outlet, shop):
            return suppressed
        outcome = await _hand_over(job, message, outlet)
    finally:
        if outcome is INTERRUPTED:
            outlet.pause.abandon(probe=probe)
        else:
            shop.vitals.outcomes_total[outlet.channel, type(outcome).__name__.lower()] += 1
            if observe(outlet, outcome, shop.vitals, probe=probe):
                shop.recheck.ring("due")
        outcome = final(outcome, job)
        shop.records.put(SendRecord(job, outlet.channel, outcome, outlet.sender, message.to))
    delivery_log(job, outlet.channel, outcome)
    return outcome


async def _intend(job: Job, message: Message, outlet: Outlet, shop: Workshop) -> Suppress | None:
    """Commit the intent before the first byte leaves. Returns a suppression that forbids to go on."""
    segments = measure(message.body).segments if isinstance(message, Sms) else 0
    intent = Intent(job, outlet.channel, outlet.sender, message.to, message.fingerprint, segments)
    grant = await shop.intents.put(intent).written()
    if isinstance(grant, Suppressed):
        log.info("delivery.suppressed", **about(job), channel=outlet.channel, reason=grant.reason)
        return Suppress(grant.reason)
    if grant is not None or not shop.leases.good(job):
        raise LeaseLost
    return None


async def _hand_over(job: Job, message: Message, outlet: Outlet) -> Outcome:
    """Turn whatever the transport does into a value."""
    try:
        return await outlet.transport.send(message)
    except SendError as error:
        return error.outcome
    except anyio.get_cancelled_exc_class():
        return Unknown("notifyd was stopped while the message was being handed over")
    except Exception as bug:  # noqa: BLE001 - a transport's bug: the message may have left
        log.exception("delivery.bug", bug, **about(job), channel=outlet.channel)
        return Unknown("unexpected error in notifyd while the message was being handed over")
