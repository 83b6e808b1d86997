"""The indexes of the tables concerned, judged by the catalogue; and how our own statements fare."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg
import pytest

from notifyd.store.adopt import missing_pieces
from notifyd.store.explain import Question
from notifyd.store.indexes import survey
from notifyd.store.remark import Kind, Remark
from notifyd.store.table import TableUnusable, inspect
from store.shapes import TABLE, connected
from support.databases import Databases
from support.waiting import until

READS = Question("visits/read", "select * from visits where id = $1")

VISITS = """
create table visits (id bigint primary key, salon text not null, guest text not null, came date);
insert into visits select n, 'salon ' || n % 50, 'guest ' || n / 2, null from generate_series(1, 100000) n;
analyze visits;
"""


async def look(database: str, *questions: Question, patience: timedelta = timedelta(days=7)) -> list[Remark]:
    """Survey, and return what is said of the table `visits`."""
    remarks = await survey(database, TABLE, questions or (READS,), patience)
    return [remark for remark in remarks if remark.table == "public.visits"]


async def test_doubles(database: str, connection: asyncpg.Connection) -> None:
    """Of two indexes alike the one goes that upholds nothing; what differs in anything stays."""
    await connection.execute(VISITS)
    await connection.execute(
        "create index twin on visits (salon, guest desc); create index other on visits (salon, guest desc);"
        " create index by_key on visits (id); create index a on visits (salon, guest) where came is null;"
        " create index b on visits (salon, guest) where came is not null; create index c on visits (salon desc, guest);"
        " create index d on visits (salon collate \"C\", guest); create index e on visits ((salon || ''), guest);"
        " create index f on visits ((salon || 'x'), guest); create index g on visits using hash (salon)"
    )
    found = {remark.index: remark for remark in await look(database) if remark.kind is Kind.DUPLICATE}
    assert {"public.twin", "public.by_key"} == found.keys()
    assert "index public.twin is public.other once more" == found["public.twin"].text
    assert "index public.by_key is public.visits_pkey once more" == found["public.by_key"].text
    assert all(remark.grave for remark in found.values())
    for remark in found.values():
        assert remark.sql is None, "whether it goes is for a person to say"
        await connection.execute(f"drop index concurrently {remark.index}")
    assert not [remark for remark in await look(database) if remark.kind is Kind.DUPLICATE]


async def test_the_first_columns_of_another(database: str, connection: asyncpg.Connection) -> None:
    """An index on the first columns of a longer one is worth a note, unless it is unique or carries columns."""
    await connection.execute(VISITS)
    await connection.execute(
        "create index short on visits (salon); create index long on visits (salon, guest);"
        " create index carries on visits (salon) include (came); create unique index one on visits (salon, id)"
    )
    (remark,) = [remark for remark in await look(database) if remark.kind is Kind.DUPLICATE]
    assert ("public.short", False, None) == (remark.index, remark.grave, remark.sql)


async def test_a_failed_build(database: str, connection: asyncpg.Connection) -> None:
    """What a concurrent build leaves when two rows are alike is found; no SQL is given that would leave one more."""
    await connection.execute(VISITS)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("create unique index concurrently one_guest on visits (guest)")
    (remark,) = [remark for remark in await look(database) if remark.kind is Kind.INVALID]
    assert ("public.one_guest", True) == (remark.index, remark.grave)
    assert "two rows are alike" in remark.text
    assert remark.sql is None
    await connection.execute("delete from visits where id % 2 = 1")
    await connection.execute("reindex index concurrently one_guest")
    assert not [remark for remark in await look(database) if remark.kind is Kind.INVALID]


@asynccontextmanager
async def under_way(dsn: str, holds: str, build: str) -> AsyncIterator[None]:
    """Have an index built that does not come to an end, since somebody's transaction holds it up."""
    async with connected(dsn) as holder, connected(dsn) as builder, connected(dsn) as watcher:
        await holder.execute(f"begin; {holds}")

        async def waits() -> bool:
            return bool(await watcher.fetchval("select count(*) from pg_stat_progress_create_index"))

        building = asyncio.ensure_future(builder.execute(build))
        assert await until(waits)
        yield
        await holder.execute("rollback")
        await building


@pytest.mark.parametrize("role", ["postgres", "looker"])
async def test_a_build_under_way(
    databases: Databases, database: str, connection: asyncpg.Connection, role: str
) -> None:
    """An index that somebody is building is not called a ruin, also by a role that may not see others' work."""
    await connection.execute(f"{VISITS} create role looker login password '{databases.cluster.password}'")
    await connection.execute("grant select on visits to looker")
    name = urlsplit(database).path.strip("/")
    try:
        holds, build = "insert into visits values (0, 'x', 'x')", "create index concurrently slow on visits (salon)"
        async with under_way(database, holds, build):
            remarks = await look(databases.cluster.dsn(name, user=role))
            (remark,) = [remark for remark in remarks if remark.kind is Kind.INVALID]
            assert (False, None, "index public.slow is being built") == (remark.grave, remark.sql, remark.text)
    finally:
        await connection.execute("drop owned by looker; drop role looker")


async def test_a_piece_of_ours_under_way(database: str, connection: asyncpg.Connection) -> None:
    """An index of ours that `migrate` is building is not called missing: the SQL for that would take it away again."""
    await connection.execute("drop index notifyd_pending")
    (step,) = await missing_pieces(connection, await inspect(connection, TABLE), TABLE)
    async with under_way(database, f"lock {TABLE} in row exclusive mode", step.sql):
        (remark,) = await survey(database, TABLE)
        assert (Kind.INVALID, False, None) == (remark.kind, remark.grave, remark.sql)
    assert [] == await survey(database, TABLE)


async def test_what_a_reindex_left(database: str, connection: asyncpg.Connection) -> None:
    """What a REINDEX that failed leaves is to be dropped, by a person: a DROP is never printed as SQL."""
    await connection.execute(f"{VISITS} create index by_guest on visits (guest)")
    async with connected(database) as holder:
        await holder.execute("begin; insert into visits values (0, 'x', 'x')")
        await connection.execute("set lock_timeout = '50ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await connection.execute("reindex index concurrently by_guest")
    (remark,) = [remark for remark in await look(database) if remark.kind is Kind.INVALID]
    assert ("public.by_guest_ccnew", True, None) == (remark.index, remark.grave, remark.sql)
    assert remark.text.endswith("; drop it")


async def test_unused(database: str, connection: asyncpg.Connection) -> None:
    """An index that nothing used for long enough may go; one in use, a key, and one that a statement takes may not."""
    await connection.execute(VISITS)
    await connection.execute(
        "create index idle on visits (came); create index busy on visits (salon); create index taken on visits (guest)"
    )
    await connection.execute("set enable_seqscan = off; select count(*) from visits where salon = 'x'")
    await connection.execute("select pg_stat_force_next_flush()")
    asks = Question("visits/guest", "select * from visits where guest = $1")

    async def unused(patience: timedelta) -> dict[str | None, bool]:
        remarks = await look(database, READS, asks, patience=patience)
        assert {None} >= {remark.sql for remark in remarks}, "whether it goes is for a person to say"
        return {remark.index: remark.grave for remark in remarks if remark.kind is Kind.UNUSED}

    async def settled() -> bool:
        return {"public.idle": True} == await unused(timedelta(0))

    assert await until(settled)
    assert {"public.idle": False} == await unused(timedelta(days=7)), "watched for too short a time"


async def test_a_piece_of_ours_that_is_missing(database: str, connection: asyncpg.Connection) -> None:
    """An index of ours that was dropped weighs most, and its SQL puts it back."""
    await connection.execute("drop index notifyd_pending")
    remark = (await survey(database, TABLE))[0]
    assert (Kind.MISSING, True, "notifyd_pending") == (remark.kind, remark.grave, remark.index)
    await connection.execute(str(remark.sql))
    assert [] == [remark for remark in await survey(database, TABLE) if remark.grave]


async def test_a_statement_that_cannot_be_explained(database: str) -> None:
    """A table that is not there, or SQL that is none, is told by name, and is no finding; the others are looked at."""
    gone, wrong = Question("a/gone", "select * from nowhere where id = $1"), Question("a/wrong", "selct 1")
    told = {remark.statement: remark for remark in await survey(database, TABLE, [gone, wrong])}
    assert 'a/gone could not be looked at: relation "nowhere" does not exist' == told["a/gone"].text
    assert 'a/wrong could not be looked at: syntax error at or near "selct"' == told["a/wrong"].text
    assert {False} == {remark.grave for remark in told.values()}


async def test_ours_are_all_looked_at(database: str) -> None:
    """On a database that was just migrated every statement of the store can be explained, and none is at fault."""
    assert [] == await survey(database, TABLE)


async def test_no_table_of_jobs(empty_database: str) -> None:
    """Without the table there is nothing to look at, and the cure is named."""
    with pytest.raises(TableUnusable, match="run `notifyd migrate`"):
        await survey(empty_database, TABLE)
