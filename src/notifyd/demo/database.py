"""The demo's database: a private PostgreSQL, the booking system's tables, notifyd's migration, and two roles on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import anyio
import asyncpg
from anyio.to_thread import run_sync

from notifyd.demo import booking_system
from notifyd.demo.booking_system import DATABASE, TABLE
from notifyd.demo.home import Home
from notifyd.demo.postgres import Cluster
from notifyd.store.migrate import grants, migrate

_ROLE = "notifyd"
_CONNECTIONS = 4  # the simulator's, the page's button, and two that watch


@dataclass(frozen=True, slots=True)
class Database:
    """The running database.

    Attributes:
        pool: Connections of the booking system, and of the page that looks on.
        daemon_dsn: What the daemon is given: a role that may do no more than `notifyd migrate` grants.
        psql: The command that opens it in psql.
        version: PostgreSQL's.
    """

    pool: asyncpg.Pool
    daemon_dsn: str
    psql: list[str]
    version: str

    async def now(self) -> datetime:
        """Return the database's clock, with a zone."""
        return await booking_system.clock(self.pool)


@asynccontextmanager
async def open_database(home: Home) -> AsyncIterator[Database]:
    """Run the database while the block runs; its data stay."""
    cluster = Cluster(home.database, durable=True)
    try:
        await run_sync(cluster.start)
        await _prepare(cluster)
        async with asyncpg.create_pool(
            cluster.dsn(DATABASE),
            min_size=0,
            max_size=_CONNECTIONS,
            command_timeout=10,
            server_settings={"application_name": "bookings"},
        ) as pool:
            version = str(await pool.fetchval("select current_setting('server_version')"))
            dsn = cluster.dsn(DATABASE, _ROLE)
            yield Database(pool, dsn, cluster.psql(DATABASE), version)
    finally:
        with anyio.CancelScope(shield=True):
            await run_sync(cluster.stop)


async def _prepare(cluster: Cluster) -> None:
    owner = await asyncpg.connect(cluster.dsn(), timeout=10)
    try:
        if not await owner.fetchval("select true from pg_database where datname = $1", DATABASE):
            await owner.execute(f"create database {DATABASE}")
        if not await owner.fetchval("select true from pg_roles where rolname = $1", _ROLE):
            await owner.execute(f"create role {_ROLE} login password '{cluster.password}'")
    finally:
        await owner.close(timeout=5)
    await booking_system.set_up(cluster.dsn(DATABASE))
    await migrate(cluster.dsn(DATABASE), TABLE)
    owner = await asyncpg.connect(cluster.dsn(DATABASE), timeout=10)
    try:
        for statement in grants(TABLE, _ROLE):
            await owner.execute(statement)
    finally:
        await owner.close(timeout=5)
