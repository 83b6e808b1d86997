"""What the server tells: figures that a test brings about."""

import asyncpg

from notifyd.store.migrate import grants
from notifyd.store.pool import Store, open_store
from notifyd.store.server import look
from store.shapes import TABLE
from support.databases import Databases
from support.jobs import insert_job
from support.waiting import until


async def test_the_figures(store: Store, connection: asyncpg.Connection) -> None:
    """Version, role, connections and the tables are those of the server."""
    server = await look(store)
    assert await connection.fetchval("select current_setting('server_version')") == server.version
    assert not server.in_recovery
    assert 2 <= server.connections <= server.max_connections
    assert 0 == server.notification_queue
    assert {"notification_jobs", "notifyd.leases", "notifyd.deliveries", "notifyd.schedule"} <= server.tables.keys()
    assert server.tables["notification_jobs"].vacuumed_s is None


async def test_an_old_transaction_is_seen(store: Store, connection: asyncpg.Connection) -> None:
    """The oldest open transaction of anybody counts; our own question does not."""
    assert (await look(store)).oldest_transaction_s < 60
    async with connection.transaction():
        await connection.execute("select pg_sleep(0.05)")
        assert 0.05 <= (await look(store)).oldest_transaction_s
    assert (await look(store)).sees_all_transactions


async def test_dead_rows_are_counted(store: Store, connection: asyncpg.Connection) -> None:
    """Rows that were deleted wait for a vacuum, and are gone after it."""
    await connection.execute("alter table notification_jobs set (autovacuum_enabled = off)")
    for _ in range(3):
        await insert_job(connection)
    await connection.execute("delete from notification_jobs")
    await until(lambda: dead(store, connection, 3))
    await connection.execute("vacuum notification_jobs")
    await until(lambda: dead(store, connection, 0))
    assert (await look(store)).tables["notification_jobs"].vacuumed_s is not None


async def dead(store: Store, connection: asyncpg.Connection, rows: int) -> bool:
    """Tell whether the statistics have come to as many dead rows."""
    await connection.execute("select pg_stat_force_next_flush()")
    return rows == (await look(store)).tables["notification_jobs"].dead


async def test_the_daemons_role_may_ask(databases: Databases, database: str, connection: asyncpg.Connection) -> None:
    """The GRANTs of `migrate` are enough; that other sessions are hidden from that role is told."""
    name = database.partition("?")[0].rpartition("/")[2]
    await connection.execute(f"create role asker login password '{databases.cluster.password}'")
    await connection.execute("".join(grants(TABLE, "asker")))
    try:
        async with open_store(databases.cluster.dsn(name, user="asker"), TABLE, connections=1) as store:
            server = await look(store)
        assert not server.sees_all_transactions
        assert server.connections >= 2
    finally:
        await connection.execute("drop owned by asker; drop role asker")
