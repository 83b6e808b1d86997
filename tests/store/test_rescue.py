"""Rescue: what a dead daemon held comes back with its attempt spent; what a living one holds is never touched."""

from datetime import timedelta

import asyncpg

from notifyd.model.job import Delivery, DeliveryState
from notifyd.model.outcome import Sent
from notifyd.store.pool import Store
from notifyd.store.record import record
from notifyd.store.rescue import SERVER_GRACE, Rescued, adopt_orphans, rescue
from store.steps import (
    EMAIL,
    FINGERPRINT,
    RECIPIENT,
    SENDER,
    SMS,
    claimed,
    count,
    go_ahead,
    ledger,
    let_expire,
    rescue_all,
    row,
    send,
    take,
)
from support.jobs import insert_job

UNKNOWN = "the daemon stopped after the message may have left"


async def test_only_what_expired(store: Store, connection: asyncpg.Connection) -> None:
    """A live lease is left alone; an expired one ends, its job is pending with the attempt spent."""
    dead, alive = await claimed(store, connection), await claimed(store, connection)
    await connection.execute("update notifyd.leases set expires_at = now() - interval '1 s' where job_id = $1", dead.id)
    expected = Rescued(dead.id, "one", "salon-1", "booking_confirmation", 1, 3, ())
    assert [expected] == await rescue_all(store)
    assert [] == await rescue_all(store)
    rows = [await row(connection, job) for job in (dead, alive)]
    assert [("pending", 1), ("processing", 1)] == [(found["status"], found["attempts"]) for found in rows]
    (again,) = await take(store)
    assert (dead.id, 2) == (again.id, again.attempt)


async def test_what_may_have_left(store: Store, connection: asyncpg.Connection) -> None:
    """An intent of that lease without an outcome becomes unknown, and the next attempt is told; the rest stays."""
    dead, other = await claimed(store, connection), await claimed(store, connection)
    await go_ahead(store, dead)
    await go_ahead(store, dead, channel=SMS)
    await go_ahead(store, other)
    await record(store, [send(dead, Sent("1"))])
    await connection.execute("update notifyd.leases set expires_at = now() - interval '1 s' where job_id = $1", dead.id)
    (rescued,) = await rescue_all(store)
    assert ("sms",) == rescued.unknown
    assert {"email": ("sent", None), "sms": ("unknown", UNKNOWN)} == await ledger(connection, dead)
    assert {"email": ("intended", None)} == await ledger(connection, other)
    (again,) = await take(store)
    assert Delivery(DeliveryState.SENT) == again.deliveries[EMAIL]
    doubtful = again.deliveries[SMS]
    assert (DeliveryState.UNKNOWN, UNKNOWN) == (doubtful.state, doubtful.reason)
    assert doubtful.doubt is not None
    assert doubtful.doubt.trace is not None
    assert (RECIPIENT, SENDER, FINGERPRINT) == (
        doubtful.doubt.trace.recipient,
        doubtful.doubt.trace.sender,
        doubtful.doubt.trace.fingerprint,
    )
    assert timedelta() <= doubtful.doubt.unknown_for <= doubtful.doubt.trace.age < timedelta(minutes=1)


async def test_an_older_lease_s_intent(store: Store, connection: asyncpg.Connection) -> None:
    """An intent that another lease wrote is not this one's to judge."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    await connection.execute("update notifyd.deliveries set lease_id = lease_id - 1")
    await let_expire(connection)
    assert [()] == [rescued.unknown for rescued in await rescue_all(store)]
    assert {"email": ("intended", None)} == await ledger(connection, job)


async def test_called_off(store: Store, connection: asyncpg.Connection) -> None:
    """A job that the booking system cancelled or deleted meanwhile is not brought back; its lease ends all the same."""
    cancelled, deleted = await claimed(store, connection), await claimed(store, connection)
    await connection.execute("update notification_jobs set status = 'cancelled' where id = $1", cancelled.id)
    await connection.execute("delete from notification_jobs where id = $1", deleted.id)
    await let_expire(connection)
    assert [] == await rescue_all(store)
    assert ("cancelled", 0) == ((await row(connection, cancelled))["status"], await count(connection, "leases"))


async def test_the_last_attempt(store: Store, connection: asyncpg.Connection) -> None:
    """A crash on the last attempt ends in a claim that sees it, never in a row that nobody claims."""
    await claimed(store, connection, attempts=2)
    await let_expire(connection)
    await rescue_all(store)
    (again,) = await take(store)
    assert (4, True) == (again.attempt, again.exhausted)


async def test_after_a_server_start(store: Store, connection: asyncpg.Connection) -> None:
    """While the server was down nobody could renew: right after its start nothing is rescued."""
    await claimed(store, connection)
    await let_expire(connection)
    up = await connection.fetchval("select now() - pg_postmaster_start_time()")
    assert [] == await rescue(store, 10, server_grace=up + timedelta(minutes=1))
    assert 1 == len(await rescue(store, 10, server_grace=up - timedelta(milliseconds=1)))
    assert timedelta(seconds=5) <= SERVER_GRACE


async def test_no_more_than_asked_for(store: Store, connection: asyncpg.Connection) -> None:
    """A batch has its limit, and the longest dead go first."""
    jobs = [await claimed(store, connection) for _ in range(3)]
    for age, job in enumerate(jobs):
        await connection.execute(
            "update notifyd.leases set expires_at = now() - $1::interval where job_id = $2",
            timedelta(seconds=age + 1),
            job.id,
        )
    rescued = [[each.job_id for each in await rescue(store, 2, timedelta())] for _ in range(2)]
    assert [{jobs[1].id, jobs[2].id}, {jobs[0].id}] == [set(each) for each in rescued]


async def test_orphans(store: Store, connection: asyncpg.Connection) -> None:
    """Rows that a foreign worker left `processing` get a lease that gives it time; then they are rescued like ours."""
    ours = await claimed(store, connection)
    orphan = await insert_job(connection, status="processing", attempts=1)
    await insert_job(connection, status="Processing")
    assert [orphan] == await adopt_orphans(store, 10, timedelta(minutes=5))
    assert [] == await adopt_orphans(store, 10, timedelta(minutes=5))
    assert [] == await rescue_all(store)
    await connection.execute("update notifyd.leases set expires_at = now() where job_id = $1", orphan)
    (rescued,) = await rescue_all(store)
    assert (orphan, "a foreign worker", 1) == (rescued.job_id, rescued.daemon, rescued.attempts)
    assert "processing" == (await row(connection, ours))["status"]


async def test_an_orphan_that_its_worker_finished(store: Store, connection: asyncpg.Connection) -> None:
    """A foreign worker that was only slow keeps its result."""
    orphan = await insert_job(connection, status="processing")
    await adopt_orphans(store, 10, timedelta(minutes=5))
    await connection.execute("update notification_jobs set status = 'completed'")
    await let_expire(connection)
    assert [] == await rescue_all(store)
    assert "completed" == (await row(connection, orphan))["status"]
