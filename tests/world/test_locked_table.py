"""Somebody alters the booking system's table, and nobody else can read or write it meanwhile."""

import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from notifyd.engine.attempt import LAST_WORDS
from notifyd.store.pool import STATEMENT_TIMEOUT
from support.history import doubted_mails, keep_history
from support.waiting import until
from support.world import World

LOCKED_SECONDS = float(os.environ.get("NOTIFYD_TEST_LOCKED_SECONDS", "4"))
JOBS = 200


@asynccontextmanager
async def _altering(dsn: str) -> AsyncIterator[None]:
    """Hold the lock that ALTER TABLE takes."""
    migration = await asyncpg.connect(dsn)
    try:
        async with migration.transaction():
            await migration.execute("alter table notification_jobs add column altered text")
            yield
    finally:
        await migration.close()


async def test_a_locked_table_is_waited_for(world: World) -> None:
    """Locked for longer than a lease, with jobs in flight: they keep their leases, and each message is sent once."""
    await world.insert_many(JOBS)
    with world.daemon(lease=LOCKED_SECONDS * 0.75) as daemon, world.daemon(lease=LOCKED_SECONDS * 0.75) as other:
        await until(lambda: len(world.mail.mails) > 10, hint=daemon.tail)
        async with _altering(world.owner_dsn):
            locked = time.monotonic()
            await until(lambda: time.monotonic() - locked > LOCKED_SECONDS, LOCKED_SECONDS + 10)
            live = "select count(*) > 0 and bool_and(expires_at > now()) from notifyd.leases"
            assert await world.booking.fetchval(live), "the leases of jobs in flight are renewed all the same"
        assert {"completed": JOBS} == await world.all_settled(30)
        assert [] == [event for each in (daemon, other) for event in each.events("job.rescued")]
    assert 1 == await world.booking.fetchval("select max(attempts) from notification_jobs")
    assert JOBS == len({mail.message_id for mail in world.mail.mails}) == len(world.mail.mails)
    assert JOBS == len({sms.to for sms in world.twilio.messages}) == len(world.twilio.messages)


async def test_a_stop_does_not_wait_for_the_lock(world: World) -> None:
    """SIGTERM while the table is locked, jobs in flight: it ends in time, and its successor knows what is open."""
    await keep_history(world.booking)
    await world.insert_many(JOBS)
    with world.daemon(grace=1) as daemon:
        await until(lambda: len(world.mail.mails) > 10, hint=daemon.tail)
        async with _altering(world.owner_dsn):
            assert 0 == await daemon.terminate(STATEMENT_TIMEOUT + LAST_WORDS + 5)
    await world.booking.execute("update notifyd.leases set expires_at = now()")
    with world.daemon(reconcile_grace=1, retry_base=0.2, retry_max=1, poll_interval=0.5):
        assert {"completed": JOBS} == await world.all_settled(60)
    assert JOBS == len({sms.to for sms in world.twilio.messages}) == len(world.twilio.messages)
    copies = Counter(mail.envelope_to[0] for mail in world.mail.mails)
    assert JOBS == len(copies)
    assert {to for to, received in copies.items() if received > 1} <= await doubted_mails(world.booking)
