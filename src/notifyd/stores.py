"""Opens the database for each of its purposes, on connections of their own, so that none waits for another's."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields

from notifyd.settings import Settings
from notifyd.store.pool import Store, open_beside, open_store, outlast
from notifyd.store.snapshots import open_snapshots
from notifyd.store.table import Table
from notifyd.vitals import PoolVitals
from notifyd.web.places import PLACES

ENGINE_CONNECTIONS = 6
"""The claim, intents, records, due times, leases and a chore may each be at the database at once."""

HEALTH_CONNECTIONS = 2
"""For signs of life alone, of a millisecond each: nothing that may be slow is ever read over them, and one may hang."""

STATS_CONNECTIONS = PLACES + 3
"""The counts of some salons, those of all, the stream's look and the server's facts may be read at once: as many as
each of them ever is, so that none takes another's."""

LISTS_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Stores:
    """One database.

    Attributes:
        engine: For claiming and settling: plans are pinned.
        health: For signs of life.
        stats: For counts: plans are the planner's.
        lists: For lists, likewise; some filters make them slow.
        dashboards: For other people's statements, which only read; perhaps on a replica.
    """

    engine: Store
    health: Store
    stats: Store
    lists: Store
    dashboards: Store

    def seen(self) -> dict[str, PoolVitals]:
        """Return what each pool has seen, by its purpose."""
        return {pool.name: getattr(self, pool.name).watch.vitals for pool in fields(self)}


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Open the engine's, waiting out an outage; the others connect when they are first asked.

    Raises:
        notifyd.store.table.TableUnusable: The booking system's table is missing or lacks columns.
    """
    slow = settings.slow_statement.total_seconds()
    async with AsyncExitStack() as stack:

        async def engine() -> Store:
            opening = open_store(
                settings.dsn, settings.table, connections=ENGINE_CONNECTIONS, pooled=settings.pooled, slow=slow
            )
            return await stack.enter_async_context(opening)

        first = await outlast(engine)

        async def beside(connections: int) -> Store:
            opening = open_beside(settings.dsn, first.table, connections=connections, pooled=settings.pooled, slow=slow)
            return await stack.enter_async_context(opening)

        yield Stores(
            engine=first,
            health=await beside(HEALTH_CONNECTIONS),
            stats=await beside(STATS_CONNECTIONS),
            lists=await beside(LISTS_CONNECTIONS),
            dashboards=await stack.enter_async_context(open_reader(settings, first.table)),
        )


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
