"""Opens the connections on which dashboards are read: each statement has a snapshot of its own, and can write nothing.

What a transaction should be (REPEATABLE READ, READ ONLY, under a `statement_timeout`) is said once, when a connection
is opened, so that a statement costs one round trip. Behind a pooler that cannot be said; there each statement is put
between a `begin` that says it and a `rollback`.

Sessions are in UTC: a `timestamp` without a zone then compares with a `timestamptz` as the UTC that it is, by an
operator that indexes serve (`datetime_ops` holds the mixed ones), whichever of the two a column is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from math import inf
from typing import Any, cast

import anyio
import asyncpg

from notifyd.store.pool import CANCEL_TIMEOUT, Store, closing, keep_session
from notifyd.store.table import Table
from notifyd.store.watch import Watch

READ_LIMIT = 4.0
"""Seconds that one dashboard may take; the web's own deadline for a request lies behind it."""

CONNECTIONS = 2
"""Answers are shared by all who ask for the same, so few are made at once."""

_SESSION = {
    "statement_timeout": f"{READ_LIMIT * 1_000:.0f}",
    "timezone": "UTC",
    "jit": "off",
}

SETTINGS = {
    "application_name": "notifyd-dashboards",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    **_SESSION,
}
"""What a connection is opened with. Plans are the planner's: booking systems' tables come in all sizes."""

BEGIN = "begin isolation level repeatable read read only; " + "; ".join(
    f"set local {name} = '{value}'" for name, value in _SESSION.items()
)
"""The same for one transaction, where a pooler stands between."""


class Snapshots(Store):
    """A store whose statements see one snapshot each and write nothing."""

    def __init__(self, pool: asyncpg.Pool, table: Table, watch: Watch, *, pooled: bool) -> None:
        super().__init__(pool, table, watch)
        self._pooled = pooled

    async def _fetch(
        self,
        connection: Any,
        sql: str,
        args: tuple[object, ...],
        timeout: float,  # noqa: ASYNC109 - asyncpg cancels by it
    ) -> list[asyncpg.Record]:
        if not self._pooled:
            return await super()._fetch(connection, sql, args, timeout)
        try:
            await connection.execute(BEGIN, timeout=timeout)
            return await super()._fetch(connection, sql, args, timeout)
        finally:
            with anyio.CancelScope(shield=True):  # an open transaction must not go back into the pool
                await _end(connection)


async def _end(connection: Any) -> None:
    try:
        await connection.execute("rollback", timeout=CANCEL_TIMEOUT)
    except Exception:  # noqa: BLE001 - whatever it is: a connection that cannot even do this is given up
        connection.terminate()


@asynccontextmanager
async def open_snapshots(
    dsn: str, table: Table, *, pooled: bool, replica: bool, slow: float = inf
) -> AsyncIterator[Snapshots]:
    """Make a pool, and connect to nobody yet: a replica that is away must not keep the daemon from starting.

    Args:
        dsn: One or several hosts.
        table: The booking system's table as it was found.
        pooled: The DSN leads through PgBouncer or the like.
        replica: The DSN names replicas; otherwise, of several hosts, the primary is asked.
        slow: A statement that takes as many seconds is logged.
    """
    watch = Watch(CONNECTIONS, slow)
    options: dict[str, Any] = {"statement_cache_size": 0} if pooled else {"server_settings": SETTINGS}
    opening = partial(watch.connect, wanted="any" if replica else "primary")
    pool = await asyncpg.create_pool(
        dsn, min_size=0, max_size=CONNECTIONS, connect=cast(Any, opening), reset=keep_session, **options
    )
    async with closing(pool):
        yield Snapshots(pool, table, watch, pooled=pooled)
