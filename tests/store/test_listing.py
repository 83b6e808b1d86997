"""Pages of jobs: every row once, in one order, whatever strangers wrote and while rows come and go."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251 - dice of a test, with a seed
from typing import Any

import anyio
import asyncpg
import pytest

from notifyd.store.listing import LONGEST_NAME, LONGEST_TEXT, STATUSES, Place, PlaceUnreadable, Wanted, list_jobs
from notifyd.store.migrate import migrate
from notifyd.store.pool import Store, open_store
from notifyd.store.stats import read
from store.shapes import PRISMA, SHAPES, TABLE, connected
from support.jobs import insert_job

ABSURD = (
    "infinity", "-infinity", "4714-11-24 00:00:00 BC", "0044-03-15 00:00:00.123 BC", "1850-06-01 00:00:01.5",
    "2026-03-29 02:30:00", "2026-03-29 02:30:00.001", "12026-01-01 00:00:00", "294276-12-31 23:59:59.999",
)  # fmt: skip
"""What a column of times may hold."""

WRITTEN = """
insert into notification_jobs (id, salon_id, client_id, type, payload, status, created_at, updated_at)
select $1 || n, 'salon-' || n % 3, 'client', 'cancellation', '{}', (array['pending', 'completed'])[1 + n % 2],
    timestamp '2026-01-01' + ((n / $3)::text || ' min')::interval, now()
from generate_series(1, $2::int) n
"""
"""`$2` rows, of which each `$3` that follow one another were created at one moment."""


async def walk(store: Store, wanted: Wanted) -> list[dict[str, Any]]:
    """Read all pages; none but the last is short."""
    seen: list[dict[str, Any]] = []
    while True:
        page = await list_jobs(store, wanted)
        seen += page.jobs
        if page.end is None:
            return seen
        assert len(page.jobs) >= wanted.limit
        wanted = replace(wanted, below=page.end)


def ids(jobs: Sequence[dict[str, Any]]) -> list[str]:
    """Return the ids alone."""
    return [job["id"] for job in jobs]


@pytest.mark.parametrize("limit", [1, 7, 200])
async def test_every_row_once_newest_first(connection: asyncpg.Connection, store: Store, limit: int) -> None:
    """Pages of any size give every row once, in the order of `created_at`, a thousand of one moment too."""
    await connection.execute(WRITTEN, "spread-", 150, 1)
    await connection.execute(WRITTEN, "at-once-", 250, 1000)
    jobs = await walk(store, Wanted(limit=limit))
    assert 400 == len(set(ids(jobs))) == len(jobs)
    created = [job["created_at"] for job in jobs]
    assert sorted(created, reverse=True) == created


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize("shape", ["prisma", "uuid"])
async def test_absurd_times_are_passed(empty_database: str, shape: str, zone: str) -> None:
    """Infinities, BC and the year 294276 are pages like any other, in any zone and any DateStyle of the session."""
    async with connected(empty_database) as admin:
        await admin.execute(SHAPES[shape])
        await migrate(empty_database)
        name = empty_database.partition("?")[0].rpartition("/")[2]
        await admin.execute(f"alter database {name} set timezone to '{zone}'")
        await admin.execute(f"alter database {name} set datestyle to 'SQL, DMY'")
    async with connected(empty_database) as booking, open_store(empty_database, TABLE, connections=1) as store:
        await booking.execute("set datestyle to 'ISO'; set timezone to 'UTC'")
        kind = await booking.fetchval("select atttypid::regtype::text from pg_attribute where attname = 'created_at'")
        for moment in ABSURD:
            job = await insert_job(booking)
            dated = "update notification_jobs set created_at = $2::text::timestamp where id::text = $1"
            await booking.execute(dated, job, moment)
        by_time = await booking.fetch("select id::text from notification_jobs order by created_at desc")
        assert [row["id"] for row in by_time] == ids(await walk(store, Wanted(limit=1))), kind


async def test_times_say_that_they_are_utc(connection: asyncpg.Connection, store: Store) -> None:
    """A column without a zone holds UTC, and says so; what no calendar holds is told as it is."""
    for moment in ("2026-01-02 03:04:05.678", "infinity"):
        job = await insert_job(connection)
        await connection.execute(
            "update notification_jobs set created_at = $2::text::timestamp, processed_at = null where id = $1",
            job,
            moment,
        )
    told = [(job["created_at"], job["processed_at"]) for job in await walk(store, Wanted())]
    assert [("infinity", None), ("2026-01-02T03:04:05.678+00:00", None)] == told


@pytest.mark.parametrize("shape", SHAPES)
async def test_ids_of_every_kind(empty_database: str, shape: str) -> None:
    """Ids that fill an index entry of their own, and native ones, page alike; so do salons too long for an index."""
    async with connected(empty_database) as admin:
        await admin.execute(SHAPES[shape])
        await migrate(empty_database)
        dice = Random(4)
        for _ in range(20):
            wide = "".join(dice.choices("\\'\"\r\n%,äß🦊", k=600))
            given = {} if shape == "uuid" else {"id": wide}
            await insert_job(admin, salon_id="s" * 1_000_000, **given)
        async with open_store(empty_database, TABLE, connections=1) as store:
            known = {row["id"] for row in await admin.fetch("select id::text from notification_jobs")}
            assert known == set(ids(await walk(store, Wanted(limit=3))))


async def test_a_writer_at_work(connection: asyncpg.Connection, store: Store) -> None:
    """While rows are inserted at both ends and in the middle, settled and deleted, each that stays is seen once."""
    await connection.execute(WRITTEN, "stays-", 600, 20)
    await connection.execute(WRITTEN, "goes-", 300, 10)
    rounds = 0
    busy = True

    async def write() -> None:
        nonlocal rounds
        while busy:
            rounds += 1
            await connection.execute(WRITTEN, f"new-{rounds}-", 30, 1)
            await connection.execute(
                "delete from notification_jobs where id in (select id from notification_jobs where id like 'goes-%' "
                "order by random() limit 5)"
            )
            await connection.execute(
                "update notification_jobs set status = 'completed', updated_at = now() where id in "
                "(select id from notification_jobs where id like 'new-%' order by random() limit 20)"
            )

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        walks = [await walk(store, Wanted(limit=25)) for _ in range(3)]
        busy = False
    assert rounds > 3
    for jobs in walks:
        seen = ids(jobs)
        assert len(seen) == len(set(seen))
        assert {f"stays-{n}" for n in range(1, 601)} <= set(seen)


async def test_filters(connection: asyncpg.Connection, store: Store) -> None:
    """Each filter lets its own rows pass, alone and together; a range has its first moment and lacks its last."""
    made: dict[str, str] = {}
    for name, columns in {
        "old": {"status": "failed", "created_at": "2026-01-01"},
        "edge": {"status": "failed", "created_at": "2026-01-02"},
        "mine": {"status": "held", "created_at": "2026-01-03", "salon_id": "mine", "appointment_id": "a1"},
        "typed": {"status": "pending", "created_at": "2026-01-04", "salon_id": "mine", "type": "reminder_2h"},
        "odd": {"status": "archived", "created_at": "2026-01-05", "salon_id": "mine"},
    }.items():
        moment = datetime.fromisoformat(columns.pop("created_at"))
        made[await insert_job(connection, created_at=moment, **columns)] = name
    day = [datetime(2026, 1, number, tzinfo=UTC) for number in range(1, 6)]

    async def names(**filters: Any) -> list[str]:
        return [made[one] for one in ids(await walk(store, Wanted(limit=1, **filters)))]

    assert ["typed", "mine", "edge", "old"] == await names()
    assert ["edge", "old"] == await names(statuses=("failed",))
    assert ["mine", "edge", "old"] == await names(statuses=("failed", "held"))
    assert ["typed", "mine"] == await names(salon_id="mine")
    assert ["mine"] == await names(salon_id="mine", statuses=("failed", "held"))
    assert ["typed"] == await names(type="reminder_2h")
    assert ["mine"] == await names(appointment_id="a1")
    assert ["edge"] == await names(created_from=day[1], created_to=day[2])
    assert ["typed", "mine"] == await names(created_from=day[2])
    assert ["old"] == await names(created_to=day[1])
    assert [] == await names(salon_id="nobody")


async def test_rows_that_share_a_place_stay_together(connection: asyncpg.Connection, database: str) -> None:
    """Where ids have one hash, a page is longer rather than a row lost; a forged function makes their hashes one."""
    await connection.execute(
        "create schema forged; create function forged.hashtextextended(text, bigint) returns bigint "
        "language sql immutable as 'select pg_catalog.length($1)::bigint'"
    )
    name = await connection.fetchval("select current_database()")
    await connection.execute(f"alter database {name} set search_path = forged, pg_catalog, public")
    for job, day in (("above", 2), ("id-1", 1), ("id-2", 1), ("id-3", 1), ("below", 0)):
        moment = datetime.fromisoformat("2026-01-01") + timedelta(days=day)
        await insert_job(connection, id=job, created_at=moment)
    async with open_store(database, TABLE, connections=1, pinned=False) as store:
        first = await list_jobs(store, Wanted(limit=2))
        assert first.end is not None
        rest = await list_jobs(store, Wanted(limit=2, below=first.end))
    assert ["above", "id-1", "id-2", "id-3"] == sorted(ids(first.jobs))
    assert (["below"], None) == (ids(rest.jobs), rest.end)


@pytest.mark.parametrize("text", ["2026-99-99T00:00:00", "9999999-01-01T00:00:00", "yesterday at noon", ""])
async def test_a_place_that_is_none(store: Store, text: str) -> None:
    """What PostgreSQL cannot read as a time is told as such, and is no outage."""
    with pytest.raises(PlaceUnreadable):
        await list_jobs(store, Wanted(below=Place(text, 0)))


async def test_a_row_of_no_time_is_counted_and_not_listed(empty_database: str) -> None:
    """An adopted table may hold rows without `created_at`: they harm no page, and are listed once it is set."""
    async with connected(empty_database) as booking:
        await booking.execute(PRISMA.replace("created_at TIMESTAMP(3) NOT NULL", "created_at TIMESTAMP(3)"))
        lost, found = [await insert_job(booking, id=name, updated_at=datetime(2026, 1, 1)) for name in "ab"]  # noqa: DTZ001
        await booking.execute("update notification_jobs set created_at = null where id = $1", lost)
        await migrate(empty_database)
        async with open_store(empty_database, TABLE, connections=1, pinned=False) as store:
            assert [found] == ids(await walk(store, Wanted(limit=1)))
            assert 2 == (await read(store)).jobs["pending"]
            await booking.execute("update notification_jobs set created_at = updated_at where created_at is null")
            assert [found, lost] == ids(await walk(store, Wanted(limit=1)))


async def test_long_texts_are_cut(connection: asyncpg.Connection, store: Store) -> None:
    """A column of a hundred megabytes is no answer of a hundred megabytes; error and payload are read if asked for."""
    names = ("id", "salon_id", "client_id", "appointment_id", "type")
    await insert_job(connection, payload="x" * 100_000, error="y" * 100_000, **dict.fromkeys(names, "z" * 100_000))
    (job,) = (await list_jobs(store, Wanted(error=True, payload=True))).jobs
    assert (LONGEST_TEXT, LONGEST_TEXT) == (len(job["payload"]), len(job["error"]))
    assert {"z" * LONGEST_NAME} == {job[name] for name in names}
    for wanted in (Wanted(), Wanted(error=True), Wanted(payload=True)):
        (job,) = (await list_jobs(store, wanted)).jobs
        assert (wanted.error, wanted.payload) == (bool(job["error"]), bool(job["payload"]))


async def test_a_cut_id_still_has_its_place(connection: asyncpg.Connection, store: Store) -> None:
    """Ids that are alike for as far as they are shown, of one moment, are paged like any others: each row once."""
    moment = datetime.fromisoformat("2026-01-01")
    await insert_job(connection, id="other", created_at=moment)
    for number in range(7):
        await insert_job(connection, id="x" * LONGEST_NAME + str(number), created_at=moment)
    jobs = await walk(store, Wanted(limit=2))
    assert ["other", *7 * ["x" * LONGEST_NAME]] == sorted(ids(jobs))


def test_the_states_are_those_of_the_contract() -> None:
    """All seven are listed, where none is asked for."""
    assert {"pending", "scheduled", "processing", "completed", "failed", "cancelled", "held"} == set(STATUSES)
