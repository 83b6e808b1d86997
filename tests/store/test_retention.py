"""Retention: what is older than its time goes, with its ledger; nothing else does."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from notifyd.model.job import State
from notifyd.store.migrate import migrate
from notifyd.store.pool import Store, open_store
from notifyd.store.retention import FIRST_KEY, forget, purge
from store.shapes import SHAPES, TABLE, connected
from store.steps import claimed, complete, count, row
from support.databases import Databases
from support.jobs import insert_job

WEEK = timedelta(days=7)
AGED = "update notification_jobs set {} = now() at time zone 'UTC' - $1::interval where id = $2"


async def aged(connection: asyncpg.Connection, job_id: str, age: timedelta, column: str = "processed_at") -> str:
    """Move a row's moment into the past."""
    await connection.execute(AGED.format(column), age, job_id)
    return job_id


async def left(connection: asyncpg.Connection) -> set[str]:
    """Return the ids of the rows that are still there."""
    return {found["id"] for found in await connection.fetch("select id from notification_jobs")}


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
async def test_by_state_and_age(store: Store, connection: asyncpg.Connection, state: State) -> None:
    """One state at a time, and only what ended before its time."""
    hour = timedelta(hours=1)
    old = await aged(connection, await insert_job(connection, status=state.value), WEEK + hour)
    young = await aged(connection, await insert_job(connection, status=state.value), WEEK - hour)
    others = {
        await aged(connection, await insert_job(connection, status=other), 100 * WEEK)
        for other in [*State, "nonsense"]
        if other != state
    }
    assert (1, 0) == (await purge(store, state, WEEK, 10), await purge(store, state, WEEK, 10))
    assert {young} | others == await left(connection)
    assert old not in await left(connection)


async def test_failed_rows_of_the_original_worker(store: Store, connection: asyncpg.Connection) -> None:
    """It left `processed_at` empty on failures: there the last change counts."""
    old, young = [await insert_job(connection, status="failed") for _ in range(2)]
    await aged(connection, old, WEEK + timedelta(hours=1), "updated_at")
    assert 1 == await purge(store, State.FAILED, WEEK, 10)
    assert {young} == await left(connection)


async def test_in_small_batches(store: Store, connection: asyncpg.Connection) -> None:
    """No more than asked for, the oldest first."""
    ids = [await insert_job(connection, status="completed") for _ in range(3)]
    for weeks, job_id in enumerate(ids, start=2):
        await aged(connection, job_id, weeks * WEEK)
    assert 2 == await purge(store, State.COMPLETED, WEEK, 2)
    assert {ids[0]} == await left(connection)


async def test_the_ledger_goes_too(store: Store, connection: asyncpg.Connection) -> None:
    """A purged job leaves nothing in the ledger, others keep theirs; who must not be contacted stays known."""
    old, young = await claimed(store, connection), await claimed(store, connection)
    await complete(store, old)
    await complete(store, young)
    await connection.execute("insert into notifyd.suppressions values ('email', 's', 'r', 'said stop', $1)", old.id)
    await aged(connection, old.id, WEEK + timedelta(hours=1))
    assert 1 == await purge(store, State.COMPLETED, WEEK, 10)
    assert [young.id] == [found[0] for found in await connection.fetch("select job_id from notifyd.deliveries")]
    assert 1 == await count(connection, "suppressions")


async def test_a_locked_row_is_passed_over(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """A row that somebody's transaction holds is left for later."""
    held, free = [await aged(connection, await insert_job(connection, status="failed"), 2 * WEEK) for _ in range(2)]
    async with connected(database) as holder, holder.transaction():
        await holder.execute("select from notification_jobs where id = $1 for update", held)
        assert 1 == await purge(store, State.FAILED, WEEK, 10)
    assert {held} == await left(connection)
    assert free not in await left(connection)


async def test_odd_moments(store: Store, connection: asyncpg.Connection) -> None:
    """Moments that nobody can subtract from are older than everything, or never old enough."""
    for moment in ("-infinity", "0044-03-15 BC", "294276-12-31", "infinity"):
        await connection.execute(
            "insert into notification_jobs (id, salon_id, client_id, type, payload, status, processed_at)"
            f" values ('{moment}', 's', 'c', 't', '', 'completed', '{moment}')"
        )
    assert 2 == await purge(store, State.COMPLETED, WEEK, 10)
    assert {"294276-12-31", "infinity"} == await left(connection)


@pytest.mark.parametrize("shape", SHAPES)
async def test_on_another_s_table(databases: Databases, shape: str) -> None:
    """Age is told right on any shape of the table and any server: an hour either side of the line."""
    dsn = await databases.create(migrated=False, timezone="Asia/Kolkata")
    async with connected(dsn) as connection:
        await connection.execute(SHAPES[shape])
        await migrate(dsn)
        await connection.execute("set timezone to 'UTC'")  # UTC, with a zone or without
        for hours in (-1, 1):
            job_id = await insert_job(connection, status="completed")
            await connection.execute(
                "update notification_jobs set processed_at = now() - $1::interval, updated_at = 'infinity'"
                " where id::text = $2",
                WEEK + timedelta(hours=hours),
                job_id,
            )
            legacy = await insert_job(connection, status="failed")
            await connection.execute(
                "update notification_jobs set updated_at = now() - $1::interval where id::text = $2",
                WEEK + timedelta(hours=hours),
                legacy,
            )
        async with open_store(dsn, TABLE, connections=1) as store:
            assert [1, 1] == [await purge(store, state, WEEK, 10) for state in (State.COMPLETED, State.FAILED)]
    await databases.drop(dsn)


async def test_forgotten(store: Store, connection: asyncpg.Connection) -> None:
    """Ledger rows whose job the booking system deleted itself go when they are old; page by page, to the end."""
    kept, young, *gone = [await claimed(store, connection) for _ in range(12)]
    for job in (kept, young, *gone):
        await complete(store, job)
    await connection.execute("update notifyd.deliveries set intended_at = now() - $1::interval", 2 * WEEK)
    await connection.execute("update notifyd.deliveries set intended_at = now() where job_key = $1", young.key)
    await connection.execute("delete from notification_jobs where id <> $1", kept.id)
    page = await forget(store, FIRST_KEY, WEEK, 5)
    forgotten = page.forgotten
    for _ in range(20):
        if page.last is None:
            break
        page = await forget(store, page.last, WEEK, 5)
        forgotten += page.forgotten
    assert (10, None) == (forgotten, page.last)
    ledger = {UUID(str(found[0])).hex for found in await connection.fetch("select job_key from notifyd.deliveries")}
    assert {kept.key, young.key} == ledger
    assert isinstance((await row(connection, kept))["processed_at"], datetime)
