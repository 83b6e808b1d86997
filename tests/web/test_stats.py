"""The snapshot: every figure against rows that a booking system, or the engine, has written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from notifyd.model.job import State
from notifyd.model.stats import ChannelStats, Stats
from notifyd.store.pool import Store, open_store
from notifyd.store.stats import read, read_salons
from notifyd.store.verify import verify
from support.jobs import insert_job

TABLE = "notification_jobs"

NOTHING = ChannelStats(sent=0, failed=0, suppressed=0, unknown=0, paused=0)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[tuple[asyncpg.Connection, Store]]:
    """Give a booking system's connection, and a store as the web has it."""
    connection = await asyncpg.connect(dsn)
    try:
        async with open_store(dsn, TABLE, connections=1, pinned=False) as store:
            yield connection, store
    finally:
        await connection.close()


async def deliver(connection: asyncpg.Connection, job: str, **states: str) -> None:
    """Write the ledger of one job as the engine leaves it: a state by channel."""
    for channel, state in states.items():
        await connection.execute(
            "insert into notifyd.deliveries (job_key, channel, job_id, lease_id, salon_key, type, state, settled_at) "
            "select notifyd.job_key(id), $2, id, 1, notifyd.job_key(salon_id), type, $3, "
            "case when $3 <> 'intended' then now() end from notification_jobs where id = $1",
            job,
            channel,
            state,
        )


async def count_first(dsn: str) -> None:
    """Count the finished rows and the messages that a test has written, as `migrate` does when it adopts a table."""
    await verify(dsn, TABLE, adopt=True)


async def schedule(connection: asyncpg.Connection, job: str, due_in: float, waits_for: str | None = None) -> None:
    """Write a scheduled job's due time, in seconds from now."""
    await connection.execute(
        "insert into notifyd.schedule (job_key, job_id, due_at, waits_for) "
        "values (notifyd.job_key($1), $1, now() + $2::interval, $3)",
        job,
        timedelta(seconds=due_in),
        waits_for,
    )


async def test_an_empty_table_has_every_figure(database: str) -> None:
    """Every state and channel is named, with zero."""
    async with opened(database) as (_, store):
        stats = await read(store)
    assert {state.value: 0 for state in State} == stats.jobs
    assert {"email": NOTHING, "sms": NOTHING} == stats.channels
    assert (0, 0, 0.0) == (stats.unknown_status, stats.partial, stats.oldest_due_s)


async def test_as_of_is_the_databases_clock_in_utc(kolkata_database: str) -> None:
    """Whatever the server's zone, the snapshot is dated in UTC by the database."""
    async with opened(kolkata_database) as (connection, store):
        before = await connection.fetchval("select now()")
        stats = await read(store)
        after = await connection.fetchval("select now()")
    assert before <= stats.as_of <= after
    assert stats.as_json()["as_of"].endswith("+00:00")
    assert datetime.fromisoformat(stats.as_json()["as_of"]).tzinfo == UTC


async def test_jobs_are_counted_by_state(database: str) -> None:
    """Rows of a status that is none of the contract's are counted apart, and left alone."""
    async with opened(database) as (connection, store):
        for number, state in enumerate(State, start=1):
            for _ in range(number):
                await insert_job(connection, status=state.value)
        for status in ("Pending", "done", ""):
            await insert_job(connection, status=status)
        await count_first(database)
        stats = await read(store)
    assert {state.value: number for number, state in enumerate(State, start=1)} == stats.jobs
    assert 3 == stats.unknown_status


async def furnished(connection: asyncpg.Connection) -> None:
    """Write two salons' jobs in all sorts of states."""
    for salon, partial in (("salon-1", True), ("salon-2", False)):
        job = await insert_job(connection, salon_id=salon, status="completed")
        await deliver(connection, job, email="sent", sms="failed" if partial else "sent")
    job = await insert_job(connection, salon_id="salon-1", status="completed")
    await deliver(connection, job, email="suppressed", sms="sent")
    job = await insert_job(connection, salon_id="salon-1", status="failed")
    await deliver(connection, job, email="failed", sms="failed")
    job = await insert_job(connection, salon_id="salon-2", status="held")
    await deliver(connection, job, email="sent", sms="unknown")
    job = await insert_job(connection, salon_id="salon-2", status="processing")
    await deliver(connection, job, email="intended", sms="retrying")
    job = await insert_job(connection, salon_id="salon-2", status="scheduled")
    await schedule(connection, job, 60, waits_for="sms")


async def test_messages_are_counted_by_channel(database: str) -> None:
    """The ledger's final states and the jobs that wait for a paused channel; what is under way is none of these."""
    async with opened(database) as (connection, store):
        await furnished(connection)
        await count_first(database)
        stats = await read(store)
    assert ChannelStats(sent=3, failed=1, suppressed=1, unknown=0, paused=0) == stats.channels["email"]
    assert ChannelStats(sent=2, failed=2, suppressed=0, unknown=1, paused=1) == stats.channels["sms"]


@pytest.mark.parametrize(
    ("status", "email", "sms", "partial"),
    [
        ("completed", "sent", "failed", 1),
        ("completed", "suppressed", "sent", 1),
        ("completed", "sent", "sent", 0),
        ("completed", "sent", "unknown", 0),
        ("completed", "failed", "suppressed", 0),
        ("failed", "failed", "failed", 0),
        ("scheduled", "sent", "failed", 0),
        ("held", "failed", "sent", 0),
    ],
)
async def test_partial_is_completed_with_one_channel_given_up(
    database: str, status: str, email: str, sms: str, partial: int
) -> None:
    """Failed or suppressed beside sent, in a job that is completed: nothing else is partial."""
    async with opened(database) as (connection, store):
        await deliver(connection, await insert_job(connection, status=status), email=email, sms=sms)
        await count_first(database)
        assert partial == (await read(store)).partial


async def test_the_salons_add_up_to_the_whole(database: str) -> None:
    """One salon's figures are its own, and all salons' figures are their sum."""
    async with opened(database) as (connection, store):
        await furnished(connection)
        await insert_job(connection, salon_id="salon-1", status="Done")
        await count_first(database)
        whole, first, second, nobody = [await read(store, salon) for salon in (None, "salon-1", "salon-2", "x' or 1=1")]
    assert 2 == first.partial
    assert ChannelStats(sent=1, failed=1, suppressed=1, unknown=0, paused=0) == first.channels["email"]
    assert ChannelStats(sent=1, failed=0, suppressed=0, unknown=1, paused=1) == second.channels["sms"]
    assert figures(whole) == [a + b for a, b in zip(figures(first), figures(second), strict=True)]
    assert {0} == set(figures(nobody))


async def test_several_salons_at_once(database: str) -> None:
    """One statement tells of each salon what a statement of its own would, and nothing of those not asked for."""
    salons = ["salon-1", "salon-2", "nobody", "x' or 1=1", "", "SALON-1"]
    async with opened(database) as (connection, store):
        await furnished(connection)
        await count_first(database)
        for number, salon in enumerate(salons[:2], start=1):
            for status in ("pending", "scheduled", "cancelled", "Done"):
                for _ in range(number):
                    await insert_job(connection, salon_id=salon, status=status)
            job = await insert_job(connection, salon_id=salon, status="scheduled")
            await schedule(connection, job, -1000 * number)
        await insert_job(connection, salon_id="another")
        await connection.execute(  # what is not folded yet
            "insert into notifyd.tallies (counts)"
            " select array[row(now(), notifyd.job_key(salon), '', 'sms', 'sent', 7, 0)::notifyd.tally]"
            " from unnest(array['salon-2', 'another']) salon"
        )
        together = await read_salons(store, salons)
        alone = {salon: await read(store, salon) for salon in salons}
    second = alone["salon-2"]
    assert (2, 2, 2, 8) == (
        second.jobs["pending"],
        second.jobs["cancelled"],
        second.unknown_status,
        second.channels["sms"].sent,
    )
    assert {salon: figures(one) for salon, one in alone.items()} == {
        salon: figures(one) for salon, one in together.items()
    }
    assert [1000, 2000, 0, 0, 0, 0] == [int(one.oldest_due_s) for one in together.values()]
    assert 1 == len({one.as_of for one in together.values()})


def figures(stats: Stats) -> list[int]:
    """Return every count of a snapshot in one order."""
    channels = [count for name in ("email", "sms") for count in asdict(stats.channels[name]).values()]
    return [*stats.jobs.values(), stats.unknown_status, stats.partial, *channels]


@pytest.mark.parametrize(
    ("created", "updated", "oldest"),
    [
        ("-90 seconds", "-90 seconds", 90),
        ("-3 days", "-10 seconds", 10),  # deferred for days, and due again since
        ("-8 hours", "-10 seconds", 10),  # created_at in the local time of a server west of UTC
        ("5.5 hours", "-10 seconds", 10),  # and of one east of it
        ("-10 seconds", "1 hour", 10),
        ("1 hour", "1 hour", 0),
    ],
)
async def test_the_oldest_pending_job(database: str, created: str, updated: str, oldest: int) -> None:
    """A pending job waits since it was last written; timestamps in the future say nothing."""
    async with opened(database) as (connection, store):
        job = await insert_job(connection)
        await connection.execute(
            "update notification_jobs set created_at = (now() at time zone 'UTC') + $2::text::interval, "
            "updated_at = (now() at time zone 'UTC') + $3::text::interval where id = $1",
            job,
            created,
            updated,
        )
        assert oldest == pytest.approx((await read(store)).oldest_due_s, abs=5)


async def test_pending_age_on_a_server_in_another_zone(kolkata_database: str) -> None:
    """A timestamp without a zone is UTC, whatever the server thinks."""
    async with opened(kolkata_database) as (connection, store):
        await insert_job(connection)
        await connection.execute(
            "update notification_jobs set created_at = now() at time zone 'UTC' - interval '1 min'"
        )
        await connection.execute("update notification_jobs set updated_at = created_at")
        assert 60 == pytest.approx((await read(store)).oldest_due_s, abs=5)


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31"])
async def test_absurd_timestamps_are_survived(database: str, moment: str) -> None:
    """A stranger's timestamp that no calendar holds breaks no figure."""
    async with opened(database) as (connection, store):
        job = await insert_job(connection)
        await connection.execute(
            "update notification_jobs set (created_at, updated_at) = ($2::text::timestamp, $2::text::timestamp) "
            "where id = $1",
            job,
            moment,
        )
        stats = await read(store)
    century = 100 * 366 * 86_400
    assert 1 == stats.jobs["pending"]
    assert 0 <= stats.oldest_due_s <= century


async def test_a_scheduled_job_that_fell_due_counts_as_due(database: str) -> None:
    """If nobody makes due jobs pending, the age shows it; a later due time, or a paused channel, is no delay."""
    async with opened(database) as (connection, store):
        for due_in, waits_for in ((-30, None), (300, None), (-500, "sms")):
            job = await insert_job(connection, status="scheduled")
            await schedule(connection, job, due_in, waits_for)
        assert 30 == pytest.approx((await read(store)).oldest_due_s, abs=5)
        assert 30 == pytest.approx((await read(store, "salon-1")).oldest_due_s, abs=5)
        assert 0.0 == (await read(store, "salon-2")).oldest_due_s
