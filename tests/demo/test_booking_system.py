"""The booking system books visit and job together, and what the demo tells people to type works."""

import json
import shlex
from collections.abc import AsyncIterator
from random import Random  # noqa: TID251 - seeded dice

import anyio
import asyncpg
import pytest

from notifyd.demo import announce, booking_system
from notifyd.demo.bookings import Story, invent
from notifyd.demo.jobs_view import by_id
from notifyd.demo.letterbox import offset
from notifyd.store.migrate import migrate
from support.databases import Databases

_BOOKED = """
select j.*, a.service from notification_jobs j join appointments a on a.id = j.appointment_id where j.id = $1
"""


@pytest.fixture
async def bookings(empty_database: str) -> AsyncIterator[asyncpg.Pool]:
    """Give a booking system's database that notifyd has adopted."""
    await booking_system.set_up(empty_database)
    await migrate(empty_database, booking_system.TABLE)
    async with asyncpg.create_pool(empty_database, min_size=1, max_size=2) as pool:
        yield pool


async def test_visit_and_job_are_written_together(bookings: asyncpg.Pool) -> None:
    """A booking writes client, appointment and job, and names the job's id, given by whoever made it."""
    dice = Random(3)
    for _ in range(12):
        visit = invent(dice, Story.PLAIN, await booking_system.clock(bookings))
        job = await booking_system.book(bookings, visit)
        row = await bookings.fetchrow(_BOOKED, job)
        assert row is not None
        assert (visit.type, "pending", visit.service) == (row["type"], row["status"], row["service"])
        assert visit.frugal == (visit.job_id != job)


async def test_a_booking_that_fails_leaves_nothing(bookings: asyncpg.Pool) -> None:
    """When the job cannot be inserted, there is no appointment either: they share one transaction."""
    await bookings.execute("alter table notification_jobs add constraint never check (false) not valid")
    visit = invent(Random(3), Story.PLAIN, await booking_system.clock(bookings))
    with pytest.raises(asyncpg.CheckViolationError):
        await booking_system.book(bookings, visit)
    assert 0 == await bookings.fetchval("select count(*) from appointments")


async def test_set_up_and_migration_may_come_again(bookings: asyncpg.Pool, empty_database: str) -> None:
    """A second start of the demo on the same data finds nothing to do and loses nothing."""
    await booking_system.book(bookings, invent(Random(3), Story.PLAIN, await booking_system.clock(bookings)))
    await booking_system.set_up(empty_database)
    assert [] == await migrate(empty_database, booking_system.TABLE)
    assert 1 == await bookings.fetchval("select count(*) from notification_jobs")


async def test_a_job_is_viewed_with_its_time(bookings: asyncpg.Pool) -> None:
    """A job's view counts from its insert by the database's clock, or from its sendAt; broken rows are viewed too."""
    dice, since = Random(5), (await booking_system.clock(bookings)).timestamp()
    ids = {
        story: await booking_system.book(bookings, invent(dice, story, await booking_system.clock(bookings)))
        for story in (Story.PLAIN, Story.LATER, Story.NO_JSON)
    }
    await bookings.execute("update notification_jobs set created_at = 'infinity' where id = $1", ids[Story.NO_JSON])
    views = await by_id(bookings, ids.values())
    plain, later = views[ids[Story.PLAIN]], views[ids[Story.LATER]]
    assert plain.since is not None
    assert later.since is not None
    assert 0 <= plain.since - since + 0.001 < 5
    assert 2 < later.since - since < 10
    assert (False, True) == (plain.later, later.later)
    assert views[ids[Story.NO_JSON]].since is None


async def test_the_clocks_agree(bookings: asyncpg.Pool) -> None:
    """The offset turns this process's monotonic seconds into the database's, to a few milliseconds."""
    offsets = [await offset(bookings) for _ in range(5)]
    assert max(offsets) - min(offsets) < 0.25


async def test_the_line_to_paste_inserts_a_row(
    bookings: asyncpg.Pool, databases: Databases, empty_database: str
) -> None:
    """The printed command, pasted into a shell, inserts a row of four columns whose payload is whole."""
    psql = [databases.cluster.psql()[0], empty_database]
    now = await booking_system.clock(bookings)
    told = announce.lines("18", "http://127.0.0.1:1/", "http://127.0.0.1:2/", ask=["true"], psql=psql, now=now)
    assert ["Running", "Look", "Daemon", "Ask", "Insert"] == [line.split()[0] for line in told]
    command = told[-1].removeprefix("Insert").strip()
    with anyio.fail_after(30):
        done = await anyio.run_process(["/bin/sh", "-c", command], check=False)
    assert (b"INSERT 0 1\n", b"") == (done.stdout, done.stderr)
    row = await bookings.fetchrow("select * from notification_jobs")
    assert row is not None
    assert "Ada Lovelace" == json.loads(row["payload"])["clientName"]
    assert row["appointment_id"] is None
    assert "(salon_id, client_id, type, payload)" in shlex.split(command)[-1]
