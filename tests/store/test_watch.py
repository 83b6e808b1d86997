"""What a pool's record says after statements of every kind: waits, times, classes of errors; and the slow ones."""

from collections.abc import AsyncIterator, Iterator

import anyio
import asyncpg
import pytest

from notifyd import log
from notifyd.demo.postgres import Cluster
from notifyd.model.job import LeaseId
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.jobs import release_strays, renew
from notifyd.store.pool import Store, open_store
from notifyd.store.statements import UNNAMED
from notifyd.store.table import TableUnusable
from store.shapes import TABLE
from store.steps import LEASE, take
from support.databases import Databases
from support.waiting import until


@pytest.fixture
def heard() -> Iterator[list[log.Fields]]:
    """Give the fields of every slow statement that is told."""
    told: list[log.Fields] = []

    def listen(_level: int, event: str, fields: log.Fields) -> None:
        if event == "statement.slow":
            told.append(fields)

    log.setup()
    log.listeners.append(listen)
    yield told
    log.listeners.remove(listen)


@pytest.fixture
async def narrow(database: str) -> AsyncIterator[Store]:
    """Give a store of one connection, to which a tenth of a second is slow."""
    async with open_store(database, TABLE, connections=1, slow=0.1) as opened:
        yield opened


async def test_statements_are_timed_by_name(store: Store) -> None:
    """Each constant of the store has a histogram of its own; what is none shares one."""
    await take(store)
    await renew(store, [LeaseId(1)], LEASE)
    await release_strays(store, "nobody", [])
    await release_strays(store, "nobody", [])
    await store.fetch("select pg_sleep(0.05)")
    times = store.watch.vitals.statements
    counted = {name: one.count for name, one in times.items()}
    assert {"jobs.CLAIM": 1, "jobs.RENEW": 1, "jobs.RELEASE_STRAYS": 2, UNNAMED: 1} == counted
    assert 0.05 <= times[UNNAMED].longest < 5
    assert 0 < times["jobs.CLAIM"].longest < 5


async def test_the_pool_is_counted(narrow: Store, connection: asyncpg.Connection) -> None:
    """Connections are lent, waited for, given back, and gone when somebody cuts them."""
    seen = narrow.watch.vitals
    assert (1, 1, 0, 1) == (seen.limit, seen.open, seen.active, seen.idle)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(narrow.fetch, "select pg_sleep(60)")
        await until(lambda: seen.active)
        assert (1, 0, 1.0) == (seen.active, seen.idle, seen.utilisation)
        with pytest.raises(DatabaseUnavailable, match="no connection of the pool was free"):
            await narrow.fetch("select 1", timeout=0.05)
        tasks.start_soon(narrow.fetch, "select 1")
        await until(lambda: seen.waiting)
        assert 0.05 <= seen.waits.longest < 5
        tasks.cancel_scope.cancel()
    assert (1, 0, 0) == (seen.timeouts_total, seen.active, seen.waiting)
    assert {"no_free_connection": 1} == dict(seen.errors_total), "a cancelled statement is no error"
    await until(lambda: backend(narrow))
    first = await backend(narrow)
    await connection.execute("select pg_terminate_backend($1)", first)

    async def replaced() -> bool:
        return await backend(narrow) not in {None, first}

    assert await until(replaced)
    assert await until(lambda: (seen.open, seen.idle) == (1, 1)), "the one that was cut is not counted any more"


async def backend(store: Store) -> int | None:
    """Return which of the server's processes answers; None where none does."""
    try:
        return int((await store.fetchrow("select pg_backend_pid()"))[0])
    except DatabaseUnavailable:
        return None


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select pg_sleep(60)", "timeout"),
        ("select 1 / 0", "refused"),
        ("select 1 from nowhere", "not_migrated"),
        ("do $$ begin raise serialization_failure; end $$", "conflict"),
        ("do $$ begin raise read_only_sql_transaction; end $$", "read_only"),
        ("do $$ begin raise disk_full; end $$", "no_room"),
        ("select pg_terminate_backend(pg_backend_pid())", "no_connection"),
    ],
)
async def test_errors_have_classes(narrow: Store, sql: str, expected: str) -> None:
    """Whatever a statement fails by is counted once, under the class that the reference names."""
    with pytest.raises((DatabaseUnavailable, TableUnusable, asyncpg.PostgresError)):
        await narrow.fetch(sql, timeout=0.3)
    assert {expected: 1} == dict(narrow.watch.vitals.errors_total)


async def test_a_server_that_is_away(restartable: Cluster) -> None:
    """Nobody answers: that is no lack of connections of ours, and no statement was timed."""
    async with open_store(await Databases(restartable).create(), TABLE, connections=2) as store:
        await anyio.to_thread.run_sync(restartable.kill)
        await until(lambda: not store.watch.vitals.open)
        with pytest.raises(DatabaseUnavailable):
            await store.fetch("select 1")
        seen = store.watch.vitals
        assert ({"no_connection": 1}, {}, 0) == (dict(seen.errors_total), seen.statements, seen.active)


async def test_slow_statements_are_told(narrow: Store, heard: list[log.Fields]) -> None:
    """Name and milliseconds, no value; the failed ones too; one line a second, which counts those left out."""
    await narrow.fetch("select pg_sleep($1), 'secret'", 0.0)
    assert not heard
    await narrow.fetch("select pg_sleep($1), 'secret'", 0.15)
    with pytest.raises(DatabaseUnavailable):
        await narrow.fetch("select pg_sleep($1), 'secret'", 60.0, timeout=0.15)
    (told,) = heard
    assert {"statement": UNNAMED, "ms": told["ms"], "skipped": None} == told
    assert 150 <= int(str(told["ms"])) < 5_000
    await until(lambda: slow_again(narrow, heard))
    assert int(str(heard[1]["skipped"])) >= 1


async def slow_again(store: Store, heard: list[log.Fields]) -> bool:
    """Be slow once more; tell whether it was told."""
    await store.fetch("select pg_sleep(0.15)")
    return len(heard) == 2
