"""The composition root: opens everything, nests the task groups, waits for the signal.

The indentation of `_work` is the order of the shutdown: intake ends first, then the attempts in flight, then the house
with its leases and its health. A crash of any loop ends the process with an error; systemd starts it again, and expired
leases are rescued: one recovery path for all.
"""

import gc
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from random import Random  # noqa: TID251 - the one place where randomness is made

import anyio

from notifyd import log, sd_notify
from notifyd.content.render import Renderer
from notifyd.engine import bounces, due, upkeep
from notifyd.engine.channels import Outlets
from notifyd.engine.claimer import Claimer
from notifyd.engine.health import tell_systemd
from notifyd.engine.leases import Leases
from notifyd.engine.wake import Wake
from notifyd.engine.workshop import Workshop
from notifyd.model import address
from notifyd.model.job import Channel, Job, State
from notifyd.model.retry import RetryPolicy
from notifyd.model.unknown import UnknownPolicy, UnknownRules
from notifyd.outlets import open_outlets
from notifyd.reception import Reception
from notifyd.settings import Settings
from notifyd.store.batch import Batch
from notifyd.store.connect import REFUSED
from notifyd.store.deliveries import Grant, Intent, intend
from notifyd.store.listen import Ears, listen
from notifyd.store.pool import Store
from notifyd.store.record import Record, Settled, record
from notifyd.store.table import TableUnusable
from notifyd.stores import Stores, open_stores
from notifyd.vitals import Vitals
from notifyd.web.server import AddressUnavailable, serve

GARBAGE_THRESHOLDS = (10_000, 20, 20)
"""Jobs are made of many small objects and few cycles; Python's own thresholds cost 15 % of a job's CPU."""


def run(settings: Settings) -> int:
    """Run the daemon until it is told to stop, on uvloop where it exists.

    Returns:
        The exit code: 0 after a stop, 1 after an error that was explained.

    Raises:
        ExceptionGroup: of `store.connect.REFUSED`: the database turns us down.
    """
    log.setup(settings.log_level, settings.log_format)
    address.load()
    gc.freeze()  # what was imported stays: the collector need not look at it again and again
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        anyio.run(_main, settings, backend_options={"use_uvloop": _has_uvloop()})
    except ExceptionGroup as group:
        if refused := group.subgroup(REFUSED):
            raise refused from None  # told by the command line, with an exit code of its own
        explained, crash = group.split((TableUnusable, AddressUnavailable))
        for error in _leaves(explained):
            log.error("daemon.refused", reason=str(error))
        if crash:
            log.exception("daemon.crashed", crash, next="exits; its leases run out and are rescued")
        return 1
    return 0


async def prove(settings: Settings, channel: Channel) -> str:
    """Go as far as a send on one channel would, and send nothing.

    Returns:
        What was reached, in a few words.

    Raises:
        notifyd.model.outcome.SendError: with what a send would have come to.
    """
    async with open_outlets(settings) as outlets:
        return await outlets[channel].transport.prove() if channel in outlets else "off: nothing is sent"


def _has_uvloop() -> bool:
    try:
        import uvloop  # noqa: F401, PLC0415 - not to be had everywhere
    except ImportError:
        return False
    return True


async def _main(settings: Settings) -> None:
    async with anyio.create_task_group() as signals:
        stopped = anyio.Event()
        start = anyio.CancelScope()
        signals.start_soon(_await_signal, stopped, start)
        async with AsyncExitStack() as stack:
            with start:  # a stop while the database is awaited ends the wait
                stores = await stack.enter_async_context(open_stores(settings))
                outlets = await stack.enter_async_context(open_outlets(settings))
            if not stopped.is_set():
                await _work(settings, stores, outlets, stopped)
        signals.cancel_scope.cancel()
    log.info("daemon.stopped")


async def _await_signal(stopped: anyio.Event, start: anyio.CancelScope) -> None:
    """Turn the first SIGTERM or SIGINT into a stop; a second one ends the process at once."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
        async for number in received:
            if stopped.is_set():
                log.warning("daemon.killed", what="told to stop twice; leases in flight will be rescued")
                os._exit(1)
            log.info("daemon.stopping", signal=signal.Signals(number).name)
            stopped.set()
            start.cancel()


async def _work(settings: Settings, stores: Stores, outlets: Outlets, stopped: anyio.Event) -> None:
    """Serve, claim and send until stopped; then stop claiming, drain, and hand back the rest unspent."""
    store = stores.engine
    vitals = Vitals(started_at=anyio.current_time(), turned_at=anyio.current_time(), database_ok=True)
    vitals.channels = tuple(outlets)
    vitals.pools = stores.seen()
    wake, recheck = Wake(), Wake()
    poll = settings.poll_interval.total_seconds()
    async with anyio.create_task_group() as house:
        reception = Reception(settings, stores, vitals, house)
        shop = _workshop(settings, store, outlets, recheck=recheck, settled=reception.counts_changed, vitals=vitals)
        claimer = Claimer(store, shop, wake, _name(), settings.max_in_flight, settings.poll_interval)
        await house.start(serve, reception.config, reception.routes)
        if settings.bounce_dir is not None:
            house.start_soon(bounces.watch, settings.bounce_dir, store, vitals)
        house.start_soon(shop.leases.keep, store)
        house.start_soon(shop.intents.run)
        house.start_soon(shop.records.run)
        house.start_soon(tell_systemd, vitals)
        async with anyio.create_task_group() as work:
            to_workers, claimed = anyio.create_memory_object_stream[Job](settings.max_in_flight)
            with claimed:
                for _ in range(settings.max_in_flight):
                    work.start_soon(claimer.work, claimed.clone())
            async with anyio.create_task_group() as intake:
                intake.start_soon(listen, store, settings.listen_dsn, _ears(wake, reception, vitals))
                intake.start_soon(claimer.run, to_workers)
                intake.start_soon(due.run, store, outlets, wake, recheck, poll)
                intake.start_soon(_upkeep(settings, store, wake, vitals).run)
                sd_notify.notify(sd_notify.READY)
                log.info("daemon.ready", slots=settings.max_in_flight, channels=",".join(outlets), table=settings.table)
                await stopped.wait()
                sd_notify.notify(sd_notify.STOPPING)
                vitals.draining = True
                intake.cancel_scope.cancel()
            log.info("daemon.draining", in_flight=vitals.in_flight, grace_s=settings.grace.total_seconds())
            work.cancel_scope.deadline = anyio.current_time() + settings.grace.total_seconds()
        house.cancel_scope.cancel()


def _ears(wake: Wake, reception: Reception, vitals: Vitals) -> Ears:
    def on_wake() -> None:
        wake.ring("notify")
        reception.counts_changed()

    def on_state(listening: bool) -> None:
        vitals.listening = listening

    return Ears(on_wake, reception.changed, reception.counts_changed, on_state)


def _workshop(
    settings: Settings, store: Store, outlets: Outlets, *, recheck: Wake, settled: Callable[[], None], vitals: Vitals
) -> Workshop:
    async def write_intents(items: Sequence[Intent]) -> list[Grant]:
        return await intend(store, items)

    async def write_records(items: Sequence[Record]) -> list[Settled | None]:
        found = await record(store, items)
        settled()
        return found

    renderer = Renderer(settings.templates_dir)
    return Workshop(
        store=store,
        intents=Batch(write_intents),
        records=Batch(write_records),
        leases=Leases(settings.lease, vitals),
        outlets=outlets,
        render=renderer.render,
        templates=renderer.channels,
        policy=RetryPolicy(settings.retry_base, settings.retry_max),
        chance=Random().random,  # noqa: S311 - jitter is no secret
        rules=_rules(settings, outlets),
        phone_region=settings.phone_region,
        recheck=recheck,
        vitals=vitals,
    )


def _rules(settings: Settings, outlets: Outlets) -> UnknownRules:
    sms, outlet = UnknownPolicy(settings.unknown_sms), outlets.get(Channel.SMS)
    if sms is UnknownPolicy.RECONCILE and (outlet is None or outlet.inquiry is None):
        # A channel that is off cannot be asked; a transport that reaches nobody does no harm twice.
        sms = UnknownPolicy.PARK if outlet is None else UnknownPolicy.RESEND
    policies = {Channel.EMAIL: UnknownPolicy(settings.unknown_email), Channel.SMS: sms}
    return UnknownRules(policies, settings.reconcile_grace)


def _upkeep(settings: Settings, store: Store, wake: Wake, vitals: Vitals) -> upkeep.Upkeep:
    keep = {
        State.COMPLETED: settings.retention_completed,
        State.CANCELLED: settings.retention_completed,
        State.FAILED: settings.retention_failed,
    }
    return upkeep.Upkeep(store, wake, vitals, settings.lease, keep)


def _name() -> str:
    """Name this process among all daemons at the table; never the same twice."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def _leaves(group: BaseExceptionGroup[Exception] | None) -> Iterator[Exception]:
    for error in group.exceptions if group else ():
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
