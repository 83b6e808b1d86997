"""One job, once: the page to read first.

The provider is asked about what an earlier attempt left in doubt. Then the job is read, judged by its times, rendered,
sent on every channel that is still owed, and settled by one verdict. Nothing here may end a lease without a verdict;
what cannot be settled (the process dies) is rescued from its expired lease.
"""

from datetime import timedelta

import anyio

from notifyd import log
from notifyd.engine.delivery import INTERRUPTED, deliver
from notifyd.engine.inquiry import clear_up
from notifyd.engine.journal import about, verdict_log
from notifyd.engine.leases import LeaseLost
from notifyd.engine.workshop import Workshop
from notifyd.model.decide import decide, final, given_up, owed
from notifyd.model.fault import Fault
from notifyd.model.job import Channel, Job
from notifyd.model.outcome import Outcome, Permanent, Retryable
from notifyd.model.payload import Booking, parse
from notifyd.model.timing import Send, TooLate, Wait, judge
from notifyd.model.verdict import Bury, Cancel, Defer, Verdict
from notifyd.store.batch import Ticket
from notifyd.store.record import Record, Settled, VerdictRecord

LAST_WORDS = 5.0
"""Seconds that an attempt cut off by a stop has to write down what it came to."""

HINDERED_PAUSE = timedelta(seconds=5)
"""How long a job is put off, unspent, that this machine could not handle."""

LOCKED_PAUSE = 0.5
"""Seconds between two tries to settle a row that a transaction of the booking system holds."""


async def attempt(job: Job, shop: Workshop) -> None:
    """Carry one claimed job to its verdict."""
    log.info("job.claimed", **about(job))
    try:
        verdict = await _pursue(job, shop)
    except LeaseLost:
        _lost(job, shop)
        return
    except OSError as trouble:  # of this machine: no file descriptor is left, a disk cannot be read
        log.at_most_every(1.0, "job.hindered", **about(job), reason=str(trouble), next="put off unspent")
        verdict = Defer(HINDERED_PAUSE, spent=False, reason="this machine could not open what the job needs")
    except Exception as bug:  # noqa: BLE001 - one job's bug must not harm its neighbours
        log.exception("job.bug", bug, **about(job))
        failed = owed(job, shop.outlets, shop.rules)
        unexpected = {channel: final(Retryable("unexpected error in notifyd"), job) for channel in failed}
        verdict = decide(job, unexpected, shop.policy, shop.chance(), shop.rules)
    await _settle(job, verdict, shop)


async def _pursue(job: Job, shop: Workshop) -> Verdict:
    """Ask, read, judge, send; return what becomes of the job."""
    outcomes: dict[Channel, Outcome] = {}
    job = await clear_up(job, outcomes, shop)
    if job.exhausted:
        return decide(job, outcomes, shop.policy, 0.0, shop.rules)
    try:
        booking = parse(job, shop.phone_region)
    except Fault as fault:
        return given_up(job, Bury(str(fault)), shop.rules)
    for warning in booking.warnings:
        log.warning("job.odd", **about(job), what=warning)
    match judge(job, booking):
        case TooLate(reason):
            return given_up(job, Cancel(reason), shop.rules)
        case Wait(delay, reason):
            return Defer(delay, spent=False, reason=reason)
        case Send():
            pass
    outcomes |= {channel: Permanent(f"skipped, {reason}") for channel, reason in booking.skipped.items()}
    await _send_all(job, booking, outcomes, shop)
    return decide(job, outcomes, shop.policy, shop.chance(), shop.rules)


async def _send_all(job: Job, booking: Booking, outcomes: dict[Channel, Outcome], shop: Workshop) -> None:
    """Send on every channel still owed, at once; `outcomes` is complete afterwards, also when a stop cuts in."""
    wanted = [channel for channel in booking.channels if channel in shop.templates(job.type)]
    channels = owed(job, wanted or booking.channels, shop.rules)
    lost = False

    async def dispatch(channel: Channel) -> None:
        nonlocal lost
        try:
            outcomes[channel] = await deliver(job, booking, channel, shop)
        except LeaseLost:
            lost = True

    try:
        if len(channels) == 1:
            await dispatch(channels[0])
        else:
            async with anyio.create_task_group() as sends:
                for channel in channels:
                    sends.start_soon(dispatch, channel)
    except anyio.get_cancelled_exc_class():  # a stop: what was not handed over goes back unspent
        for channel in channels:
            outcomes.setdefault(channel, INTERRUPTED)
    if lost:
        raise LeaseLost


async def _settle(job: Job, verdict: Verdict, shop: Workshop) -> None:
    """Commit the verdict, if the lease is still ours."""
    try:
        found = await _written(shop.records.put(VerdictRecord(job, verdict)))
        while found is not None and found.row_locked:
            await anyio.sleep(LOCKED_PAUSE)
            found = await _written(shop.records.put(VerdictRecord(job, verdict)))
    except Exception as refused:  # noqa: BLE001 - PostgreSQL refuses this one row; its lease runs out and is rescued
        log.exception("job.unsettled", refused, **about(job))
        found = Settled(lease_held=True, row_found=False)
    shop.leases.drop(job)
    if found is None or not found.lease_held:
        _lost(job, shop)
    elif not found.row_found:
        log.info("job.gone", **about(job), what="cancelled or deleted by the booking system while we held it")
    else:
        shop.vitals.settled_total[verdict_log(job, verdict)] += 1
        if isinstance(verdict, Defer):
            shop.recheck.ring("due")


async def _written(ticket: Ticket[Record, Settled | None]) -> Settled | None:
    """Wait for the verdict to be committed; a stop leaves it a moment longer."""
    try:
        return await ticket.written()
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(LAST_WORDS, shield=True):
            return await ticket.written()
        raise


def _lost(job: Job, shop: Workshop) -> None:
    shop.leases.drop(job)
    shop.vitals.leases_lost_total += 1
    log.warning(
        "lease.lost", **about(job), what="another daemon may have the job by now; nothing more is sent or written"
    )
