"""Outages: every kind of them looks the same from here, is waited out, and is over at once."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import asyncpg
import pytest

from notifyd.demo.postgres import Cluster, Shutdown
from notifyd.store import connect as connecting
from notifyd.store.connect import DatabaseUnavailable, connect, hosts
from notifyd.store.pool import FREE_PLANS, PINNED_PLANS, Store, open_store, outlast
from notifyd.store.table import TableUnusable
from store.shapes import TABLE, connected
from store.steps import take
from support.databases import Databases
from support.jobs import insert_job
from support.waiting import until


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
async def test_a_stopped_server(restartable: Cluster, how: str) -> None:
    """A server that stops under our hands is unavailable until it is back, without a new pool."""
    dsn = await Databases(restartable).create()
    async with open_store(dsn, TABLE, connections=2) as store:
        await store.fetch("select 1")
        stop = {
            "fast": restartable.stop,
            "immediate": lambda: restartable.stop(Shutdown.IMMEDIATE),
            "kill": restartable.kill,
        }
        await anyio.to_thread.run_sync(stop[how])
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                await take(store)
        await anyio.to_thread.run_sync(restartable.start)
        assert [] == await outlast(lambda: take(store))


async def test_opened_while_it_is_down(restartable: Cluster) -> None:
    """Opening says the same as any statement."""
    dsn = await Databases(restartable).create()
    await anyio.to_thread.run_sync(restartable.stop)
    with pytest.raises(DatabaseUnavailable, match="no connection"):
        async with open_store(dsn, TABLE, connections=2):
            pytest.fail("there is no server")


async def test_waited_out(restartable: Cluster) -> None:
    """`outlast` repeats until the server is back; whoever waits needs to know nothing of it."""
    dsn = await Databases(restartable).create()
    tries = 0
    async with open_store(dsn, TABLE, connections=2) as store, anyio.create_task_group() as tasks:
        await anyio.to_thread.run_sync(restartable.kill)

        async def attempt() -> None:
            nonlocal tries
            tries += 1
            await take(store)

        async def until_it_works() -> None:
            await outlast(attempt)
            tasks.cancel_scope.cancel()

        tasks.start_soon(until_it_works)
        await until(lambda: tries >= 2)
        await anyio.to_thread.run_sync(restartable.start)
        await anyio.sleep(20)  # cut short as soon as it works
        pytest.fail("it never noticed that the server is back")


async def test_terminated_connections(store: Store, connection: asyncpg.Connection) -> None:
    """Connections that an operator or a proxy cut are replaced by the next statement but one at the latest."""
    await take(store)
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'notifyd'"
    )
    assert [] == await outlast(lambda: take(store))


async def test_a_statement_that_takes_too_long(store: Store, connection: asyncpg.Connection) -> None:
    """A statement has its time; what was under way is cancelled on the server, and the next one works."""
    with anyio.fail_after(5), pytest.raises(DatabaseUnavailable, match="no answer within the time limit"):
        await store.fetch("select pg_sleep(60)", timeout=0.2)
    running = "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'"
    await until(lambda: _none(connection, running))
    assert [(1,)] == [tuple(row) for row in await store.fetch("select 1")]


async def _none(connection: asyncpg.Connection, query: str) -> bool:
    return bool(0 == await connection.fetchval(query))


async def test_no_free_connection(database: str) -> None:
    """Waiting for a connection of the pool has its limit too."""
    async with open_store(database, TABLE, connections=1) as store, anyio.create_task_group() as tasks:
        tasks.start_soon(store.fetch, "select pg_sleep(60)")
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5), pytest.raises(DatabaseUnavailable):
            await store.fetch("select 1", timeout=0.2)
        tasks.cancel_scope.cancel()


async def test_a_fault_of_ours_is_no_outage(store: Store) -> None:
    """What PostgreSQL refuses is not waited out: the error reaches whoever caused it."""
    for sql, argument in (("select $1::text", "\0"), ("select $1::text", "\ud800"), ("select 1 / $1::int", 0)):
        with pytest.raises(asyncpg.DataError):
            await outlast(lambda sql=sql, argument=argument: store.fetch(sql, argument))  # type: ignore[misc]


async def test_a_table_that_vanished(store: Store, connection: asyncpg.Connection) -> None:
    """A table or a right taken away is no outage either, and the text names the cure."""
    await connection.execute("drop table notification_jobs")
    with pytest.raises(TableUnusable, match="run `notifyd migrate`"):
        await outlast(lambda: take(store))


async def test_a_column_added_while_we_run(store: Store, connection: asyncpg.Connection) -> None:
    """A booking system may change its table under our prepared statements."""
    await take(store)
    await connection.execute(
        "alter table notification_jobs add column note text, drop column run_at, add column run_at timestamptz"
    )
    job_id = await insert_job(connection)
    assert [job_id] == [job.id for job in await outlast(lambda: take(store))]


@pytest.mark.parametrize("pinned", [True, False])
async def test_the_session(database: str, pinned: bool) -> None:
    """A connection has the settings that its statements rely on."""
    async with open_store(database, TABLE, connections=1, pinned=pinned) as store:
        expected = PINNED_PLANS if pinned else FREE_PLANS
        seen = {name: (await store.fetchrow("select current_setting($1)", name))[0] for name in expected}
    assert expected == seen


async def test_through_a_pooler(database: str) -> None:
    """Without start-up parameters and prepared statements everything works as well."""
    async with connected(database) as connection, open_store(database, TABLE, connections=1, pooled=True) as store:
        job_id = await insert_job(connection)
        assert [job_id] == [job.id for job in await take(store)]
        assert 0 == (await store.fetchrow("select count(*) from pg_prepared_statements where name <> ''"))[0]


@contextmanager
def deaf_host() -> Iterator[int]:
    """Give a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for each in kept:
            each.close()


def _with_first_host(dsn: str, port: int) -> str:
    before, at, behind = dsn.partition("@")
    return f"{before}{at}127.0.0.1:{port},{behind}"


async def test_a_dead_first_host(database: str) -> None:
    """Of several hosts one that refuses is passed over."""
    async with open_store(_with_first_host(database, 1), TABLE, connections=1) as store:
        assert [] == await take(store)


async def test_a_silent_first_host(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that accepts and says nothing has its own time limit; the second one is tried all the same."""
    monkeypatch.setattr(connecting, "CONNECT_TIMEOUT", 0.3)
    with deaf_host() as port, anyio.fail_after(5):
        opened = await connect(_with_first_host(database, port))
        assert 1 == await opened.fetchval("select 1")
        await opened.close()


async def test_a_host_that_is_not_writable(databases: Databases, restartable: Cluster) -> None:
    """A standby, or a server that takes no writes, is passed over as long as there is another."""
    restartable.run(
        "alter role postgres set default_transaction_read_only = on;"
        f" alter role postgres password '{databases.cluster.password}'"
    )
    dsn = databases.cluster.dsn()
    opened = await connect(_with_first_host(dsn, restartable.port))
    assert databases.cluster.port == await opened.fetchval("select inet_server_port()")
    await opened.close()


async def test_no_host_at_all(database: str) -> None:
    """Where all are dead the last one's trouble is told."""
    port = database.partition("@")[2].partition("/")[0].partition(":")[2]
    dead = database.replace(f":{port}/", ":1,127.0.0.1:2/")
    with pytest.raises(DatabaseUnavailable, match="no connection"):
        async with open_store(dead, TABLE, connections=1):
            pytest.fail("there is no server")


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:p%40@a:1,b:2/db?x=y", ["postgresql://u:p%40@a:1/db?x=y", "postgresql://u:p%40@b:2/db?x=y"]),
        ("postgresql://a,b/db", ["postgresql://a/db", "postgresql://b/db"]),
        ("postgresql://u@[::1]:5,[::2]/db", ["postgresql://u@[::1]:5/db", "postgresql://u@[::2]/db"]),
        ("postgresql://a/db", ["postgresql://a/db"]),
    ],
)
def test_hosts(dsn: str, expected: list[str]) -> None:
    """Each host of a DSN gets one with everything else in it."""
    assert expected == hosts(dsn)


async def test_a_unix_socket(database: str) -> None:
    """A DSN that names its host in the query, as for a Unix socket, is left to asyncpg."""
    before, _, behind = database.partition("@")
    user = before.partition("//")[2]
    address, _, rest = behind.partition("/")
    name, _, query = rest.partition("?")
    host, _, port = address.partition(":")
    opened = await connect(f"postgresql:///{name}?user={user}&host={host}&port={port}&{query}")
    assert name == await opened.fetchval("select current_database()")
    await opened.close()


async def test_secrets_stay_out_of_the_text(restartable: Cluster) -> None:
    """Whatever kind of trouble it is, its words hold no password."""
    dsn = restartable.dsn().replace("postgres@", "postgres:hunter2@").partition("?")[0]
    await anyio.to_thread.run_sync(restartable.stop)
    with pytest.raises(DatabaseUnavailable) as trouble:
        async with open_store(dsn, TABLE, connections=1):
            pytest.fail("there is no server")
    assert "hunter2" not in f"{trouble.value} {trouble.value!r}"
