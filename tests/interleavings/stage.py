"""Where the machine plays: one event loop, one database, the store, and the connections of the others."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
import uvloop

from notifyd.store.pool import Store, open_store
from store.shapes import TABLE
from support.databases import Databases

T = TypeVar("T")

TABLES = (TABLE, "notifyd.leases", "notifyd.schedule", "notifyd.deliveries", "notifyd.suppressions")
COUNTS = ("notifyd.tallies", "notifyd.rollups")
EMPTY = "; ".join(f"delete from {table}" for table in (*TABLES, *COUNTS))
TIDY = "vacuum " + ", ".join((*TABLES, *COUNTS))
"""What autovacuum does, at a moment of ours: rows of one instant come in the order in which they lie."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One event loop and what lives in it.

    Attributes:
        dsn: The database.
        store: As the engine has it.
        others: The connection of the operator, of the clock, and of whoever looks.
        booking: The connection of the booking system, which may have a transaction open.
    """

    loop: asyncio.AbstractEventLoop
    dsn: str
    store: Store
    others: asyncpg.Connection
    booking: asyncpg.Connection

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end."""
        return self.loop.run_until_complete(work)


@contextmanager
def set_stage(databases: Databases) -> Iterator[Stage]:
    """Give a stage with a database of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        dsn = runner.run(databases.create())
        stack = AsyncExitStack()
        try:
            yield runner.run(_furnish(dsn, stack))
        finally:
            runner.run(stack.aclose())
            runner.run(databases.drop(dsn))


async def _furnish(dsn: str, stack: AsyncExitStack) -> Stage:
    store = await stack.enter_async_context(open_store(dsn, TABLE, connections=1))
    others, booking = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    stack.push_async_callback(others.close)
    stack.push_async_callback(booking.close)
    for table in (*TABLES, *COUNTS):
        await others.execute(f"alter table {table} set (autovacuum_enabled = false)")
    return Stage(asyncio.get_running_loop(), dsn, store, others, booking)
