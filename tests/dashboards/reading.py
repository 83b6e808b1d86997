"""What the tests of dashboards share: a store to read with, and the indexes that a definition asks for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from notifyd.model.dashboard import Dashboard
from notifyd.store.pool import Store
from notifyd.store.proven import prove
from notifyd.store.snapshots import open_snapshots
from notifyd.store.table import Table


@asynccontextmanager
async def open_reader(dsn: str, *, pooled: bool = False, replica: bool = False) -> AsyncIterator[Store]:
    """Give a store as the daemon reads dashboards with; dashboards know nothing of the table of jobs."""
    async with open_snapshots(dsn, Table("", {}), pooled=pooled, replica=replica) as store:
        yield store


async def indexes(store: Store, dashboard: Dashboard) -> list[str]:
    """Return the statements that make the indexes of a definition, of the variants that this database takes."""
    proven = await prove(store, dashboard)
    return [statement.index for statement in proven.statements if statement.index is not None]
