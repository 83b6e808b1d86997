"""Claiming: nobody waits, nobody shares, and no row, however odd, harms its neighbours."""

import json
import os
from datetime import UTC, datetime, timedelta

import anyio
import asyncpg
import pytest

from notifyd.model.job import Delivery, DeliveryState, Job
from notifyd.model.outcome import Retryable, Sent
from notifyd.model.verdict import Defer
from notifyd.store.jobs import LARGEST_PAYLOAD, claim, release_strays, renew
from notifyd.store.migrate import migrate
from notifyd.store.pool import Store, open_store
from notifyd.store.record import VerdictRecord, record
from store.shapes import SHAPES, TABLE, connected
from store.steps import (
    EMAIL,
    LEASE,
    SMS,
    claimed,
    complete,
    count,
    go_ahead,
    let_expire,
    rescue_all,
    row,
    send,
    settle,
    take,
)
from support.databases import Databases
from support.jobs import insert_job, payload


async def test_a_claim(store: Store, connection: asyncpg.Connection) -> None:
    """A claim counts the attempt, writes a lease, and returns the job as the row has it."""
    given = payload("sms")
    job_id = await insert_job(connection, appointment_id="a-1", payload=given)
    (job,) = await take(store, daemon="me")
    assert (job_id, "salon-1", "client-1", "a-1", "booking_confirmation", 1, 3) == (
        *(job.id, job.salon_id, job.client_id, job.appointment_id, job.type, job.attempt, job.max_attempts),
    )
    assert (None, None, {}) == (job.run_at, job.expires_at, job.deliveries)
    (lease,) = await connection.fetch("select *, expires_at - now() as left from notifyd.leases")
    assert (job_id, job.lease_id, "me") == (lease["job_id"], lease["lease_id"], lease["daemon"])
    assert timedelta(seconds=50) < lease["left"] <= LEASE
    found = await row(connection, job)
    assert ("processing", 1) == (found["status"], found["attempts"])
    assert [] == await take(store)


async def test_oldest_first(store: Store, connection: asyncpg.Connection) -> None:
    """No more than asked for, in the order in which they were last written, whatever strangers put there."""
    moments = ["infinity", "2020-01-01", "-infinity", "0044-03-15 BC", "294276-12-31", "2030-01-01"]
    for moment in moments:
        await connection.execute(
            "insert into notification_jobs (id, salon_id, client_id, type, payload, created_at, updated_at)"
            f" values ('{moment}', 's', 'c', 't', '{{}}', '{moment}', '{moment}')"
        )
    taken = [{job.id for job in await take(store, 2)} for _ in range(4)]
    assert [
        {"-infinity", "0044-03-15 BC"},
        {"2020-01-01", "2030-01-01"},
        {"294276-12-31", "infinity"},
        set(),
    ] == taken


async def test_a_locked_row_is_passed_over(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """A row that somebody's transaction holds is not waited for; it comes when it is free."""
    locked = await insert_job(connection)
    async with connection.transaction():
        await connection.execute("update notification_jobs set salon_id = 'moved'")
        async with connected(database) as other:
            free = await insert_job(other)
        with anyio.fail_after(5):
            assert [free] == [job.id for job in await take(store)]
    assert [(locked, "moved")] == [(job.id, job.salon_id) for job in await take(store)]


async def test_a_foreign_key_is_no_hindrance(store: Store, connection: asyncpg.Connection) -> None:
    """A transaction that only refers to a row, by a foreign key of its own, does not keep it from us."""
    await connection.execute("create table audit (job_id text references notification_jobs)")
    job_id = await insert_job(connection)
    async with connection.transaction():
        await connection.execute("insert into audit values ($1)", job_id)
        (job,) = await take(store)
        assert (await settle(store, job, Defer(LEASE, spent=True))).row_found


async def test_claimers_never_share(store: Store, connection: asyncpg.Connection) -> None:
    """Eight claimers at once take three hundred jobs, each once."""
    await connection.execute(
        "insert into notification_jobs (salon_id, client_id, type, payload) select 's', 'c', 't', '{}'"
        " from generate_series(1, 300)"
    )
    taken: list[Job] = []

    async def claimer(number: int) -> None:
        while jobs := await claim(store, f"daemon {number}", 7, LEASE):
            taken.extend(jobs)

    async with anyio.create_task_group() as claimers:
        for number in range(8):
            claimers.start_soon(claimer, number)
    rest = await take(store)  # what another had locked when the last claimers looked
    assert 300 == len({job.id for job in taken + rest}) == len(taken + rest) == len({j.lease_id for j in taken + rest})


@pytest.mark.parametrize(
    ("attempts", "allowed", "attempt", "exhausted"),
    [
        (2_147_483_647, 3, 2_147_483_647, True),
        (2_147_483_646, 2_147_483_647, 2_147_483_647, False),
        (-5, 3, 1, False),
        (-2_147_483_648, 3, 1, False),
        (0, 0, 1, True),
        (0, -1, 1, True),
        (3, 3, 4, True),
    ],
)
async def test_odd_counters(
    store: Store, connection: asyncpg.Connection, *, attempts: int, allowed: int, attempt: int, exhausted: bool
) -> None:
    """Counters at the edge of their type, or beyond sense, neither overflow nor harm the rest of the batch."""
    await insert_job(connection)
    job_id = await insert_job(connection, attempts=attempts, max_attempts=allowed)
    jobs: dict[str, Job] = {job.id: job for job in await take(store)}
    assert 2 == len(jobs)
    assert (attempt, allowed, exhausted) == (jobs[job_id].attempt, jobs[job_id].max_attempts, jobs[job_id].exhausted)
    assert (await settle(store, jobs[job_id], Defer(LEASE, spent=False))).row_found
    assert attempt - 1 == (await row(connection, job_id))["attempts"]


@pytest.mark.parametrize(
    "job_id",
    [
        "one\r\ntwo",
        "naïve ☃ '; drop table x; --",
        "x" * 10_000,
        os.urandom(1_340).hex(),  # as long as an index entry may be
        "",
        " ",
    ],
    ids=["line breaks", "odd characters", "10 kB", "2.7 kB of noise", "empty", "blank"],
)
async def test_odd_ids(store: Store, connection: asyncpg.Connection, job_id: str) -> None:
    """An id may be anything that fits the booking system's own primary key; no index of ours bursts."""
    job = await claimed(store, connection, id=job_id)
    assert (job_id, 32) == (job.id, len(job.key))
    await complete(store, job)
    assert "completed" == (await row(connection, job))["status"]


async def test_far_away_times(store: Store, connection: asyncpg.Connection) -> None:
    """Times that Python cannot hold arrive at the edge of what it can; null arrives as None."""
    moments = ("-infinity", "4713-01-01 BC", "2030-01-01 12:00+02", "294276-12-31", "infinity")
    for moment in moments:
        await connection.execute(
            "insert into notification_jobs (id, salon_id, client_id, type, payload, run_at, expires_at)"
            f" values ('{moment}', 's', 'c', 't', '{{}}', '{moment}', '{moment}')"
        )
    early, late = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)
    noon = datetime(2030, 1, 1, 10, tzinfo=UTC)
    expected = dict(zip(moments, (early, early, noon, late, late), strict=True))
    jobs = await take(store)
    assert expected == {job.id: job.run_at for job in jobs} == {job.id: job.expires_at for job in jobs}


async def test_other_states_are_left_alone(store: Store, connection: asyncpg.Connection) -> None:
    """Only `pending` is taken: not what is waiting, finished, misspelt or nonsense."""
    others = ["Pending", "pending ", "PENDING", "", "scheduled", "held", "cancelled", "completed", "failed", "nonsense"]
    for status in others:
        await insert_job(connection, status=status)
    before = await connection.fetch("select * from notification_jobs order by id")
    assert [] == await take(store)
    assert before == await connection.fetch("select * from notification_jobs order by id")


async def test_a_live_lease_protects(store: Store, connection: asyncpg.Connection) -> None:
    """A row that the booking system made pending again is handed out when a rescue has ended its lease, not before.

    So what the lease's holder was about to send is in doubt by then, and no lease is ever written over.
    """
    job = await claimed(store, connection)
    await connection.execute("update notification_jobs set status = 'pending'")
    assert [] == await take(store)
    await let_expire(connection)
    assert [] == await take(store)
    await rescue_all(store)
    (again,) = await take(store, daemon="two")
    assert (job.id, 1) == (again.id, await count(connection, "leases"))
    assert again.lease_id != job.lease_id
    assert not (await settle(store, job, Defer(LEASE, spent=True))).lease_held


async def test_a_large_payload_stays_where_it_is(store: Store, connection: asyncpg.Connection) -> None:
    """A payload beyond the limit arrives as None, one at the limit as it is; in bytes, not characters."""
    at_limit = '"' + "x" * (LARGEST_PAYLOAD - 2) + '"'
    fits = await insert_job(connection, payload=at_limit)
    over = await insert_job(connection, payload=at_limit + " ")
    wide = await insert_job(connection, payload='"' + "é" * (LARGEST_PAYLOAD // 2) + '"')
    payloads = {job.id: job.payload for job in await take(store)}
    assert {fits: at_limit, over: None, wide: None} == payloads


async def test_earlier_deliveries_arrive(store: Store, connection: asyncpg.Connection) -> None:
    """A later attempt knows what earlier ones came to, channel by channel."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    await go_ahead(store, job, channel=SMS)
    await record(store, [send(job, Sent("250")), send(job, Retryable("busy"), SMS), VerdictRecord(job, again_now())])
    (again,) = await take(store)
    expected = {EMAIL: Delivery(DeliveryState.SENT), SMS: Delivery(DeliveryState.RETRYING, "busy")}
    assert (2, expected) == (again.attempt, again.deliveries)


def again_now() -> Defer:
    """Return a verdict that makes a job pending at once."""
    return Defer(timedelta(), spent=True)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
async def test_moments_are_utc(databases: Databases, shape: str, zone: str) -> None:
    """`updated_at` and `processed_at` are UTC where they have no zone, right where they have one, on any server."""
    dsn = await databases.create(migrated=False, timezone=zone)
    async with connected(dsn) as connection:
        await connection.execute(SHAPES[shape])
        await migrate(dsn)
        async with open_store(dsn, TABLE, connections=2) as store:
            await connection.execute("set timezone to 'UTC'")  # so that UTC without a zone is taken as such
            await insert_job(connection, updated_at=datetime(2020, 1, 1, tzinfo=UTC if shape == "uuid" else None))
            (job,) = await take(store)
            assert payload() == json.loads(job.payload or "")
            assert await connection.fetchval(FRESH.format("updated_at"))
            await complete(store, job)
            assert await connection.fetchval(FRESH.format("updated_at"))
            assert await connection.fetchval(FRESH.format("processed_at"))
    await databases.drop(dsn)


FRESH = "select abs(extract(epoch from now() - {}::timestamptz)) < 60 from notification_jobs"


async def test_counters_that_are_null(databases: Databases) -> None:
    """A hand-made table may let counters be null, and somebody may set them so: the defaults are assumed."""
    dsn = await databases.create(migrated=False)
    async with connected(dsn) as connection:
        await connection.execute(SHAPES["loose"])
        await migrate(dsn)
        job_id = await insert_job(connection)
        await connection.execute("update notification_jobs set attempts = null, max_attempts = null")
        async with open_store(dsn, TABLE, connections=1) as store:
            (job,) = await take(store)
    await databases.drop(dsn)
    assert (job_id, 1, 3) == (job.id, job.attempt, job.max_attempts)


async def test_renewal(store: Store, connection: asyncpg.Connection) -> None:
    """Leases that are ours are prolonged, also one that ran out and was not taken; others are told apart."""
    kept, settled = await claimed(store, connection), await claimed(store, connection)
    await settle(store, settled, again_now())
    await let_expire(connection)
    assert {kept.lease_id} == await renew(store, [kept.lease_id, settled.lease_id], LEASE)
    assert await connection.fetchval("select expires_at > now() + interval '50 s' from notifyd.leases")
    assert set() == await renew(store, [], LEASE)


async def test_strays_go_back_unspent(store: Store, connection: asyncpg.Connection) -> None:
    """Of a claim whose answer was lost every job goes back as it was; what is in flight, or another's, stays."""
    ours, stray, foreign = [await insert_job(connection, id=name) for name in ("ours", "stray", "foreign")]
    jobs: dict[str, Job] = {job.id: job for job in await take(store)}
    await connection.execute("update notifyd.leases set daemon = 'two' where job_id = $1", foreign)
    for expected in ([stray], []):  # safe to repeat
        assert expected == await release_strays(store, "one", [jobs[ours].lease_id])
    rows = {name: await row(connection, name) for name in (ours, stray, foreign)}
    assert {ours: "processing", stray: "pending", foreign: "processing"} == {k: v["status"] for k, v in rows.items()}
    assert {ours: 1, stray: 0, foreign: 1} == {k: v["attempts"] for k, v in rows.items()}
