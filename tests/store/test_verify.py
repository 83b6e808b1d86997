"""The recount: it finds whatever others have done behind our back, says what explains it, and can adopt it."""

from datetime import UTC, datetime, timedelta

import anyio
import asyncpg
import pytest

from notifyd.model.job import State
from notifyd.model.outcome import Permanent, Sent
from notifyd.model.verdict import Bury, Done
from notifyd.store.first_count import NAME
from notifyd.store.migrate import HISTORY, migrate, migrations
from notifyd.store.pool import Store, open_store
from notifyd.store.record import VerdictRecord, record
from notifyd.store.retention import purge
from notifyd.store.rollups import fold
from notifyd.store.stats import read
from notifyd.store.table import TableUnusable
from notifyd.store.verify import ADOPTION_LOCK, LOCK, MOST_SHOWN, Verified, verify
from store.shapes import PRISMA, TABLE, connected
from store.steps import SMS, claimed, complete, go_ahead, send
from support.jobs import insert_job
from support.waiting import until

FINISHED = "insert into notification_jobs (salon_id, client_id, type, payload, status, processed_at) select"
"""How a worker that is not ours leaves a row, or a backup brings it back."""

STRAY = """
insert into notifyd.deliveries (job_key, channel, job_id, lease_id, state, settled_at)
values (notifyd.job_key('x'), 'sms', 'x', 1, 'sent', now())
"""


async def furnish(store: Store, connection: asyncpg.Connection) -> None:
    """Let there be two completed jobs, one that is partial, and one that failed."""
    for _ in range(2):
        await complete(store, await claimed(store, connection))
    partial, failed = await claimed(store, connection, id="partial"), await claimed(store, connection, id="failed")
    await go_ahead(store, partial, failed)
    await go_ahead(store, partial, channel=SMS)
    await record(
        store,
        [
            send(partial, Sent("1")),
            send(partial, Permanent("no"), SMS),
            VerdictRecord(partial, Done("sms: no")),
            send(failed, Permanent("no")),
            VerdictRecord(failed, Bury("email: no")),
        ],
    )
    await fold(store, 2)


def told(found: Verified) -> dict[str, tuple[int, int]]:
    """Return by how much there is more, and less, than was counted."""
    return {f"{one.channel} {one.outcome}": (one.more, one.fewer) for one in found.totals}


async def test_what_nobody_touched_is_clean(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """In the database of a daemon that is left alone there is nothing to be found, folded or not."""
    await furnish(store, connection)
    for _ in range(2):
        found = await verify(database, TABLE)
        assert (True, (), (), 0) == (found.clean, found.totals, found.largest, found.torn)
        while await fold(store, 10):
            pass


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (
            "update notification_jobs set status = 'completed' where id = 'failed'",
            {"job completed": (1, 0), "job failed": (0, 1)},
        ),
        ("update notification_jobs set status = 'pending' where id = 'failed'", {"job failed": (0, 1)}),
        ("update notification_jobs set status = 'typo' where id = 'partial'", {"job partial": (0, 1)}),
        ("delete from notification_jobs where status = 'completed'", {"job completed": (0, 2), "job partial": (0, 1)}),
        ("update notification_jobs set salon_id = 'moved' where id = 'failed'", {"job failed": (1, 1)}),
        ("update notification_jobs set type = 'other' where id = 'failed'", {"job failed": (1, 1)}),
        (
            "update notification_jobs set processed_at = processed_at - interval '2 hours' where id = 'failed'",
            {"job failed": (1, 1)},
        ),
        (
            f"{FINISHED} 's', 'c', 't', '{{}}', 'failed', now() from generate_series(1, 3)",
            {"job failed": (3, 0)},
        ),
        (
            "delete from notifyd.deliveries where job_id = 'partial' and channel = 'sms'",
            {"job completed": (1, 0), "job partial": (0, 1), "sms failed": (0, 1)},
        ),
        (
            "update notifyd.deliveries set state = 'sent', segments = 2 where job_id = 'partial' and channel = 'sms'",
            {
                "job completed": (1, 0),
                "job partial": (0, 1),
                "sms failed": (0, 1),
                "sms sent": (1, 0),
                "sms segments": (2, 0),
            },
        ),
    ],
)  # fmt: skip
async def test_meddling_is_found(
    store: Store, connection: asyncpg.Connection, database: str, *, harm: str, expected: dict[str, tuple[int, int]]
) -> None:
    """Whatever others change is told to the row; once it is adopted all agrees, and the counts are the rows'."""
    await furnish(store, connection)
    await connection.execute(harm)
    assert expected == told(await verify(database, TABLE))
    assert expected == told(await verify(database, TABLE, adopt=True))
    assert (await verify(database, TABLE)).clean
    stats = await read(store)
    rows = await connection.fetch("select status, count(*) as n from notification_jobs group by 1")
    here = {row["status"]: row["n"] for row in rows}
    final = ("completed", "failed", "cancelled")
    assert {state: here.get(state, 0) for state in final} == {state: stats.jobs[state] for state in final}


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ("update notification_jobs set (status, processed_at) = ('failed', now()) where id = 'waiting'", "finished by"),
        ("delete from notification_jobs where id = 'failed'", "deleted, set back or changed by others"),
        (STRAY, "written into the ledger by others"),
        ("delete from notifyd.deliveries where job_id = 'failed'", "taken out of the ledger"),
    ],
)  # fmt: skip
async def test_a_difference_is_explained(
    store: Store, connection: asyncpg.Connection, database: str, harm: str, why: str
) -> None:
    """Each is told with its salon, hour and type, what is there and what was counted, and what explains it."""
    await furnish(store, connection)
    await insert_job(connection, id="waiting")
    await connection.execute(harm)
    (only,) = (await verify(database, TABLE)).largest
    assert only.why.startswith(why)
    assert 1 == abs(only.found - only.counted)
    assert (0, 0, UTC) == (only.hour.minute, only.hour.second, only.hour.tzinfo)
    known = "salon-1" if harm != STRAY else await connection.fetchval("select notifyd.job_key('')::text")
    assert known == only.salon


async def test_what_is_purged_keeps_its_difference(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """A row that others have finished is missing in the counts, also when retention has deleted it since."""
    await furnish(store, connection)
    await insert_job(connection, status="failed")
    for _ in range(2):
        assert {"job failed": (1, 0)} == told(await verify(database, TABLE))
        await purge(store, State.FAILED, timedelta(seconds=-1), 10)
    await verify(database, TABLE, adopt=True)
    assert 2 == (await read(store)).jobs["failed"]


async def test_totals_that_are_torn(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """Totals that somebody has changed are no sums any more: they are found, and mended."""
    await furnish(store, connection)
    while await fold(store, 10):
        pass
    before = await read(store)
    await connection.execute("update notifyd.rollups set n = n + 7 where hour = '-infinity' and outcome = 'sent'")
    await connection.execute("delete from notifyd.rollups where hour = '-infinity' and outcome = 'failed'")
    found = await verify(database, TABLE, adopt=True)
    assert ((), False) == (found.totals, found.clean)
    assert 2 + 2 * 3 == found.torn  # of the salon and of all; of e-mail, SMS and jobs
    assert (await verify(database, TABLE)).clean
    after = await read(store)
    assert (before.jobs, before.channels) == (after.jobs, after.channels)


async def test_two_adoptions_at_once(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """What several find at the same time is adopted once."""
    for _ in range(20):
        await insert_job(connection, status="failed")
    async with anyio.create_task_group() as tasks, connection.transaction():
        await connection.execute(LOCK, ADOPTION_LOCK)
        for _ in range(2):
            tasks.start_soon(lambda: verify(database, TABLE, adopt=True))
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        await until(lambda: answered(database, waiting, 2))
    assert 20 == (await read(store)).jobs["failed"]


async def answered(dsn: str, question: str, wanted: int) -> bool:
    """Ask on a connection of one's own, whether the answer is that."""
    async with connected(dsn) as onlooker:
        return bool(wanted == await onlooker.fetchval(question))


async def test_many_differences(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """Of thousands the largest are told, and all are counted in the totals and adopted."""
    await connection.execute(
        f"{FINISHED} 'salon-' || n % 1500, 'c', 't', '{{}}', 'failed', now()"
        " from generate_series(0, 2999) n, generate_series(1, 1 + n / 2999)"
    )
    found = await verify(database, TABLE, adopt=True)
    assert (MOST_SHOWN, {"job failed": (3001, 0)}) == (len(found.largest), told(found))
    assert ("salon-1499", 3) == (found.largest[0].salon, found.largest[0].found)
    assert (await verify(database, TABLE)).clean
    assert (3001, 3) == ((await read(store)).jobs["failed"], (await read(store, "salon-1499")).jobs["failed"])


async def test_an_adopted_table_is_counted_at_once(empty_database: str) -> None:
    """A table with finished rows is counted when it is adopted, whatever their timestamps; and only then."""
    async with connected(empty_database) as connection:
        await connection.execute(PRISMA)
        await connection.execute(
            "insert into notification_jobs (id, salon_id, client_id, type, payload, status, updated_at, processed_at)"
            " select n::text, 's' || n % 3, 'c', 't', '{}', (array['completed', 'failed', 'pending'])[1 + n % 3],"
            " timestamp '2020-01-01',"
            " (array['2020-01-01', null, 'infinity', '-infinity', '4713-01-01 BC'])[1 + n % 5]::timestamp"
            " from generate_series(1, 300) n"
            " union all"
            " select 'off ' || n, 's', 'c', 't', '{}', 'cancelled', timestamp '2020-05-05 10:20', null"
            " from generate_series(1, 1500) n"
        )
        assert NAME in {step.name for step in await migrate(empty_database)}
        assert (await verify(empty_database, TABLE)).clean
        async with open_store(empty_database, TABLE, connections=1) as store:
            stats = await read(store)
            assert [100, 100, 100] == [stats.jobs[state] for state in ("completed", "failed", "pending")]
        hours = await connection.fetch("select hour, n from notifyd.counts where outcome = 'cancelled'")
        assert {(datetime(2020, 5, 5, 10, tzinfo=UTC), 1500)} == {tuple(row) for row in hours}
        await insert_job(connection, id="x", status="failed", updated_at=None, created_at=None)
        assert [] == await migrate(empty_database)
        assert {"job failed": (1, 0)} == told(await verify(empty_database, TABLE))


async def test_a_ledger_from_before_it_was_counted(empty_database: str) -> None:
    """A database of the first two migrations is counted by the next `migrate`, its messages by salon and type."""
    async with connected(empty_database) as connection:
        await connection.execute(PRISMA)
        await connection.execute(HISTORY.sql)
        for migration in migrations()[:2]:
            await connection.execute(migration.sql)
            await connection.execute("insert into notifyd.migrations values ($1)", migration.name)
        await connection.execute(
            "insert into notification_jobs (id, salon_id, client_id, type, payload, status, updated_at, processed_at)"
            " select n::text, 's', 'c', 't', '{}', 'completed', now(), now() from generate_series(1, 300) n;"
            " insert into notifyd.deliveries (job_key, channel, job_id, lease_id, state, settled_at)"
            " select notifyd.job_key(n::text), 'email', n::text, 1, 'sent', now() from generate_series(1, 301) n"
        )
        assert ["migration 0003_rollups", NAME] == [
            step.name for step in await migrate(empty_database) if " notifyd_" not in step.name
        ]
        assert (await verify(empty_database, TABLE)).clean
        rows = await connection.fetch("select type, sum(n) from notifyd.counts where channel = 'email' group by 1")
        assert {("t", 300), ("(none)", 1)} == {tuple(row) for row in rows}  # the job of one is gone


async def test_without_the_migration(empty_database: str) -> None:
    """A database that was not migrated is told so, with the cure."""
    async with connected(empty_database) as connection:
        await connection.execute(PRISMA)
    with pytest.raises(TableUnusable, match="run `notifyd migrate`"):
        await verify(empty_database, TABLE)
