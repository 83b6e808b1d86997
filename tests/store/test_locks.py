"""A transaction of the booking system that holds a row holds up that row alone, and never loses a deadlock to us."""

from collections.abc import AsyncIterator
from datetime import timedelta

import anyio
import asyncpg
import pytest

from notifyd.model.outcome import Sent
from notifyd.model.verdict import Defer, Done
from notifyd.store.deliveries import INTEND, intend
from notifyd.store.jobs import release_strays, renew
from notifyd.store.pool import Store
from notifyd.store.record import Record, Settled, VerdictRecord, record
from notifyd.store.schedule import promote, reschedule_lost
from store.shapes import connected
from store.steps import LEASE, claimed, count, go_ahead, intent, let_expire, rescue_all, row, send, settle, take
from support.jobs import insert_job

WRITTEN = Settled(lease_held=True, row_found=True)
LOCKED = Settled(lease_held=True, row_found=False, row_locked=True)
HOLD = "update notification_jobs set salon_id = 'held' where id = $1"
AT_ONCE = 5  # seconds; a wait for the lock would be one for ever


@pytest.fixture
async def booking(database: str) -> AsyncIterator[asyncpg.Connection]:
    """Give another connection, for the transaction that holds a row."""
    async with connected(database) as opened:
        yield opened


async def test_settling(store: Store, connection: asyncpg.Connection, booking: asyncpg.Connection) -> None:
    """The neighbours of a held row are settled; its own verdict is written once it is free, its outcome at once."""
    held, free = await claimed(store, connection), await claimed(store, connection)
    await go_ahead(store, held, free)
    batch: list[Record] = [send(held, Sent("1")), VerdictRecord(held, Done()), VerdictRecord(free, Done())]
    async with booking.transaction():
        await booking.execute(HOLD, held.id)
        with anyio.fail_after(AT_ONCE):
            assert [None, LOCKED, WRITTEN] == await record(store, batch)
            assert [None, LOCKED, Settled(lease_held=False, row_found=False)] == await record(store, batch)
        assert {held.lease_id} == await renew(store, [held.lease_id, free.lease_id], LEASE)
        assert "sent" == await connection.fetchval("select state from notifyd.deliveries where job_id = $1", held.id)
    assert WRITTEN == await settle(store, held, Done())
    assert ["completed", "completed"] == [(await row(connection, job))["status"] for job in (held, free)]


async def test_settling_what_is_being_deleted(
    store: Store, connection: asyncpg.Connection, booking: asyncpg.Connection
) -> None:
    """A row that is deleted by an open transaction counts as held until it is gone."""
    job = await claimed(store, connection)
    async with booking.transaction():
        await booking.execute("delete from notification_jobs")
        with anyio.fail_after(AT_ONCE):
            assert LOCKED == await settle(store, job, Done())
    assert Settled(lease_held=True, row_found=False) == await settle(store, job, Done())


async def test_promoting(store: Store, connection: asyncpg.Connection, booking: asyncpg.Connection) -> None:
    """A due job that is held stays due; the others become pending, and there is no word of more at once."""
    held, free = [await insert_job(connection, status="scheduled") for _ in range(2)]
    await reschedule_lost(store, 10)
    async with booking.transaction():
        await booking.execute(HOLD, held)
        with anyio.fail_after(AT_ONCE):
            promotions = [await promote(store, [], [], 1) for _ in range(3)]
        assert 1 == sum(promotion.moved for promotion in promotions)
        assert [True, False, False] == [promotion.more for promotion in promotions]
        assert ["scheduled", "pending"] == [(await row(connection, job))["status"] for job in (held, free)]
    assert 1 == (await promote(store, [], [], 1)).moved


async def test_rescuing(store: Store, connection: asyncpg.Connection, booking: asyncpg.Connection) -> None:
    """An expired job that is held is rescued later, the others now."""
    held, free = await claimed(store, connection), await claimed(store, connection)
    await go_ahead(store, held)
    await let_expire(connection)
    async with booking.transaction():
        await booking.execute(HOLD, held.id)
        with anyio.fail_after(AT_ONCE):
            assert [free.id] == [rescued.job_id for rescued in await rescue_all(store)]
        assert 1 == await count(connection, "leases")
    assert [(held.id, ("email",))] == [(rescued.job_id, rescued.unknown) for rescued in await rescue_all(store)]


async def test_releasing(store: Store, connection: asyncpg.Connection, booking: asyncpg.Connection) -> None:
    """A stray that is held keeps its lease until it can be given back, or the lease runs out."""
    held, free = await claimed(store, connection), await claimed(store, connection)
    async with booking.transaction():
        await booking.execute(HOLD, held.id)
        with anyio.fail_after(AT_ONCE):
            assert [free.id] == await release_strays(store, "one", [])
    assert [held.id] == await release_strays(store, "one", [])


async def test_intents_do_not_wait_for_renewals(
    store: Store, connection: asyncpg.Connection, booking: asyncpg.Connection
) -> None:
    """A renewal under way holds up no intent, and an intent no renewal."""
    job, other = await claimed(store, connection), await claimed(store, connection)
    async with booking.transaction():
        await booking.execute("update notifyd.leases set expires_at = now() + interval '1 min'")
        with anyio.fail_after(AT_ONCE):
            await go_ahead(store, job)
    async with booking.transaction():
        await booking.execute("select from notifyd.leases for key share")
        with anyio.fail_after(AT_ONCE):
            assert {job.lease_id, other.lease_id} == await renew(store, [job.lease_id, other.lease_id], LEASE)


async def test_an_intent_keeps_the_rescue_away(
    store: Store, connection: asyncpg.Connection, booking: asyncpg.Connection
) -> None:
    """A lease under which an intent is just being written is not rescued, lest the intent be overlooked."""
    job = await claimed(store, connection)
    await let_expire(connection)
    async with booking.transaction():
        arguments = (job.key, job.lease_id, "email", job.id, "us", "them", None, job.key, "t", 0, False)
        assert 1 == len(await booking.fetch(store.table.bind(INTEND), *([one] for one in arguments)))
        with anyio.fail_after(AT_ONCE):
            assert [] == await rescue_all(store)
    assert [("email",)] == [rescued.unknown for rescued in await rescue_all(store)]


async def test_no_deadlock_among_our_own(store: Store, connection: asyncpg.Connection) -> None:
    """Renewals, intents and verdicts of the same leases at once, in opposite orders, never lock each other out."""
    for _ in range(300):
        await insert_job(connection)
    jobs = await take(store)
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"

    async def renewing() -> None:
        for _ in range(20):
            await renew(store, [job.lease_id for job in jobs], LEASE)

    async def settling() -> None:
        backwards = jobs[::-1]
        for start in range(0, 300, 100):
            part = backwards[start : start + 100]
            await intend(store, [intent(job) for job in part])
            await record(store, [VerdictRecord(job, Defer(timedelta(hours=1), spent=True)) for job in part])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(renewing)
        tasks.start_soon(settling)
        tasks.start_soon(renewing)
    await connection.execute("select pg_stat_force_next_flush()")
    assert 0 == await connection.fetchval(deadlocks)
    assert 0 == await count(connection, "leases")
