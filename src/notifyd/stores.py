"""Opens the database for each of its purposes, on connections of their own, so that none waits for another's."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from notifyd.settings import Settings
from notifyd.store.pool import Store, open_store, outlast
from notifyd.store.snapshots import open_snapshots
from notifyd.store.table import Table
from notifyd.vitals import PoolVitals

ENGINE_CONNECTIONS = 6
"""The claim, intents, records, due times, leases and a chore may each be at the database at once."""

STATS_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Stores:
    """One database.

    Attributes:
        engine: For claiming and settling: plans are pinned.
        stats: For counts and lists: plans are the planner's.
        dashboards: For other people's statements, which only read; perhaps on a replica.
    """

    engine: Store
    stats: Store
    dashboards: Store

    def seen(self) -> dict[str, PoolVitals]:
        """Return what each pool has seen, by its purpose."""
        named = {"engine": self.engine, "stats": self.stats, "dashboards": self.dashboards}
        return {name: store.watch.vitals for name, store in named.items()}


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Open all of them, waiting out an outage; a replica is connected to when it is first asked.

    Raises:
        notifyd.store.table.TableUnusable: The booking system's table is missing or lacks columns.
    """
    async with AsyncExitStack() as stack:

        async def opened(connections: int, *, pinned: bool) -> Store:
            return await stack.enter_async_context(
                open_store(
                    settings.dsn,
                    settings.table,
                    connections=connections,
                    pooled=settings.pooled,
                    pinned=pinned,
                    slow=settings.slow_statement.total_seconds(),
                )
            )

        engine = await outlast(lambda: opened(ENGINE_CONNECTIONS, pinned=True))
        stats = await outlast(lambda: opened(STATS_CONNECTIONS, pinned=False))
        yield Stores(engine, stats, await stack.enter_async_context(open_reader(settings, engine.table)))


def open_reader(settings: Settings, table: Table) -> AbstractAsyncContextManager[Store]:
    """Open the database for dashboards: on the replica, where one is set. Nobody is connected to before the first ask.

    Args:
        settings: Where.
        table: The booking system's, which no dashboard needs to know.
    """
    return open_snapshots(
        settings.dashboards_dsn,
        table,
        pooled=settings.dashboards_pooled,
        replica=settings.replica_url is not None,
        slow=settings.slow_statement.total_seconds(),
    )
