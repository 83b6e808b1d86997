"""Opens the pool of connections and runs every statement under a time limit.

The one place that knows how a lost database looks from here: statements raise `DatabaseUnavailable`, and `outlast`
waits an outage out. Plans are pinned, because they must not depend on statistics: a claim that was planned while the
table was empty must stay fast after a bulk insert that nobody has analysed yet.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf
from typing import Any, TypeVar, cast

import anyio
import asyncpg

from notifyd import log
from notifyd.store.connect import AWAY, DatabaseUnavailable
from notifyd.store.statements import UNNAMED, name_of
from notifyd.store.table import Table, TableUnusable, inspect
from notifyd.store.watch import NOT_MIGRATED, Watch

T = TypeVar("T")

STATEMENT_TIMEOUT = 15.0
"""Seconds that a statement may take before its connection is given up."""

CANCEL_TIMEOUT = 2.0
"""Seconds that the server has to confirm that a statement was cancelled; its connection is closed otherwise."""

OUTAGE_PAUSE = 0.5
"""Seconds between two tries while the database is away."""

PINNED_PLANS = {
    "application_name": "notifyd",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
"""Every statement of the engine is a handful of index look-ups; nothing else may ever be planned for it."""

FREE_PLANS = {"application_name": "notifyd-stats", "jit": "off"}
"""Counting wants the planner's judgement, on connections of its own."""


class Store:
    """The database as the rest of notifyd sees it: one table of the booking system, and statements against it.

    Attributes:
        table: The table.
        watch: Measures what goes through its pool.
    """

    def __init__(self, pool: asyncpg.Pool, table: Table, watch: Watch) -> None:
        self._pool = pool
        self._known: dict[str, tuple[str, str]] = {}
        self.table = table
        self.watch = watch

    async def fetch(self, sql: str, *args: object, timeout: float = STATEMENT_TIMEOUT) -> list[asyncpg.Record]:  # noqa: ASYNC109 - asyncpg cancels by it
        """Run one statement and return its rows.

        Args:
            sql: A statement with the placeholders of `Table.bind`.
            args: Its parameters.
            timeout: Seconds to get a free connection, and seconds for the answer.

        Raises:
            DatabaseUnavailable: No connection, or no answer in time. Whether the statement was carried out is unknown.
            TableUnusable: A table or a right is missing.
        """
        name, bound = self._known.get(sql) or self._known.setdefault(sql, (name_of(sql), self.table.bind(sql)))
        try:
            return await self.fetch_unbound(bound, *args, name=name, timeout=timeout)
        except NOT_MIGRATED as error:
            raise TableUnusable(f"{error}; run `notifyd migrate`, and the GRANTs that it prints") from error

    async def fetch_unbound(
        self,
        sql: str,
        *args: object,
        name: str = UNNAMED,
        timeout: float = STATEMENT_TIMEOUT,  # noqa: ASYNC109 - as in `fetch`
        expected: Callable[[asyncpg.PostgresError], bool] | None = None,
    ) -> list[asyncpg.Record]:
        """Run a statement that is not ours, and so has no placeholders of ours, and return its rows, as `fetch` does.

        Args:
            sql: The statement.
            args: Its parameters.
            name: Under which it is measured.
            timeout: As of `fetch`.
            expected: Tells the refusals that are an answer: they are raised, and not counted as errors.

        Raises:
            DatabaseUnavailable: No connection, or no answer in time.
            asyncpg.PostgresError: PostgreSQL does not take it.
        """
        try:
            connection = await self.watch.waited(self._pool.acquire(timeout=timeout))
            try:
                return await self.watch.timed(name, self._fetch(connection, sql, args, timeout))
            finally:
                self.watch.given_back()
                await self._pool.release(connection, timeout=CANCEL_TIMEOUT)
        except AWAY as error:
            self.watch.failed(error)
            if isinstance(error, asyncpg.ReadOnlySQLTransactionError):  # demoted: its other connections stand as well
                await self._pool.expire_connections()
            raise DatabaseUnavailable.because(error) from error
        except asyncpg.PostgresError as error:
            if expected is None or not expected(error):
                self.watch.failed(error)
            raise

    async def _fetch(
        self,
        connection: Any,
        sql: str,
        args: tuple[object, ...],
        timeout: float,  # noqa: ASYNC109
    ) -> list[asyncpg.Record]:
        return cast("list[asyncpg.Record]", await connection.fetch(sql, *args, timeout=timeout))

    async def fetchrow(self, sql: str, *args: object, timeout: float = STATEMENT_TIMEOUT) -> asyncpg.Record:  # noqa: ASYNC109
        """Run one statement that returns exactly one row, as `fetch` does."""
        (row,) = await self.fetch(sql, *args, timeout=timeout)
        return row


async def outlast(operation: Callable[[], Awaitable[T]]) -> T:
    """Repeat an operation until the database is there to carry it out, logging at most one line a second.

    The operation must be safe to repeat after it was carried out without our hearing of it.
    """
    while True:
        try:
            return await operation()
        except DatabaseUnavailable as error:
            log.at_most_every(1.0, "database.away", reason=str(error), next="trying again until it answers")
            await anyio.sleep(OUTAGE_PAUSE)


@asynccontextmanager
async def open_store(
    dsn: str, table: str, *, connections: int, pooled: bool = False, pinned: bool = True, slow: float = inf
) -> AsyncIterator[Store]:
    """Open a pool and look at the table.

    Args:
        dsn: One or several hosts.
        table: `schema.table` or `table`, unquoted.
        connections: At most this many.
        pooled: The DSN leads through PgBouncer or the like: no prepared statements, no start-up parameters.
        pinned: Pin the plans, as the engine needs it; otherwise leave them to the planner.
        slow: A statement that takes as many seconds is logged.

    Raises:
        DatabaseUnavailable: It cannot be reached.
        notifyd.store.table.TableUnusable: The table is missing or lacks columns.
    """
    watch = Watch(connections, slow)
    try:
        pool = await _pool(dsn, watch, PINNED_PLANS if pinned else FREE_PLANS, pooled=pooled, ready=1)
    except AWAY as error:
        raise DatabaseUnavailable.because(error) from error
    async with closing(pool):
        try:
            async with pool.acquire(timeout=STATEMENT_TIMEOUT) as connection:
                looked_up = await inspect(cast("asyncpg.Connection", connection), table)
        except AWAY as error:
            raise DatabaseUnavailable.because(error) from error
        yield Store(pool, looked_up, watch)


@asynccontextmanager
async def open_beside(
    dsn: str, table: Table, *, connections: int, pooled: bool = False, slow: float = inf
) -> AsyncIterator[Store]:
    """Make one more pool for a table that was looked at; nobody is connected to before the first statement.

    Plans are left to the planner.

    Args:
        dsn: As of `open_store`.
        table: As another store of the same database has it.
        connections: At most this many.
        pooled: As of `open_store`.
        slow: As of `open_store`.
    """
    watch = Watch(connections, slow)
    async with closing(await _pool(dsn, watch, FREE_PLANS, pooled=pooled, ready=0)) as pool:
        yield Store(pool, table, watch)


async def _pool(dsn: str, watch: Watch, settings: dict[str, str], *, pooled: bool, ready: int) -> asyncpg.Pool:
    options: dict[str, Any] = {"statement_cache_size": 0} if pooled else {"server_settings": settings}
    return await asyncpg.create_pool(
        dsn,
        min_size=ready,
        max_size=watch.vitals.limit,
        connect=cast(Any, watch.connect),
        reset=keep_session,
        **options,
    )


@asynccontextmanager
async def closing(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Pool]:
    """Close a pool in the end, within bounded time."""
    try:
        yield pool
    finally:
        with anyio.move_on_after(2, shield=True) as limit:
            await pool.close()
        if limit.cancelled_caught:
            pool.terminate()


async def keep_session(connection: asyncpg.Connection) -> None:
    """Skip asyncpg's reset on release: a round trip each, and nothing of ours leaves state behind."""
