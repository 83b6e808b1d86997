"""A booking system: plain SQL, straight to the database, and it repeats a transaction until it knows it committed.

It keeps no account of what notifyd does; that every order is carried out in the end is all it promises.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import asyncpg

from chaos.orders import Fate, Order
from notifyd.store.connect import AWAY
from support.jobs import payload

_CONNECTIONS = 20  # long transactions keep theirs
_PATIENCE = 0.3  # seconds between two tries

INSERT = """
insert into notification_jobs (id, salon_id, client_id, type, payload, max_attempts)
values ($1, $2, $3, 'booking_confirmation', $4, $5)
on conflict (id) do nothing -- where the COMMIT of the first try had arrived, and only its answer was lost
"""
CANCEL = "update notification_jobs set status = 'cancelled', processed_at = now() where id = $1 and status <> all($2)"
DELETE = "delete from notification_jobs where id = $1"

FINAL = ("completed", "failed", "cancelled")
"""The states in which a job ends, `held` not among them: nobody is there to release it."""

Connection = asyncpg.pool.PoolConnectionProxy


class _ChangedItsMind(Exception):  # noqa: N818 - no error: the way out of a transaction
    """The visit is not booked after all."""


class BookingSystem:
    """Carries orders out.

    Attributes:
        booked: How many jobs are committed so far.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.booked = 0

    async def run(self, orders: Sequence[Order]) -> None:
        """Carry out every order at its moment. Returns when the last one is."""
        began = anyio.current_time()
        async with anyio.create_task_group() as visits:
            for order in orders:
                await anyio.sleep_until(began + order.at)
                visits.start_soon(self._carry_out, order)

    async def _carry_out(self, order: Order) -> None:
        if order.fate is Fate.ROLLED_BACK:
            await self._change_its_mind(order)
            return
        await self._persist(lambda connection: _insert(connection, order))
        self.booked += 1
        match order.fate:
            case Fate.CANCELLED:
                await anyio.sleep(order.patience)
                await self._persist(lambda connection: connection.execute(CANCEL, order.job_id, FINAL))
            case Fate.DELETED:
                await anyio.sleep(order.patience)
                await self._persist(lambda connection: connection.execute(DELETE, order.job_id))
            case _:
                pass

    async def _change_its_mind(self, order: Order) -> None:
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(INSERT, *_values(order))
                await anyio.sleep(order.patience)
                raise _ChangedItsMind  # noqa: TRY301 - it is raised at the context, which rolls back
        except (_ChangedItsMind, *AWAY):  # a lost connection rolls back too
            pass

    async def _persist(self, operation: Callable[[Connection], Awaitable[object]]) -> None:
        """Repeat a transaction until it is known to be committed."""
        while True:
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await operation(connection)
            except AWAY:
                await anyio.sleep(_PATIENCE)
            else:
                return


async def _insert(connection: Connection, order: Order) -> None:
    await connection.execute(INSERT, *_values(order))
    if order.fate is Fate.LINGERING:
        await anyio.sleep(order.patience)


def _values(order: Order) -> tuple[object, ...]:
    data = payload(*order.channels, clientEmail=order.email, clientPhone=order.phone)
    return order.job_id, "salon-1", "client-1", json.dumps(data), order.max_attempts


@asynccontextmanager
async def open_booking_system(dsn: str) -> AsyncIterator[BookingSystem]:
    """Give a booking system on the database."""
    pool = await asyncpg.create_pool(dsn, min_size=0, max_size=_CONNECTIONS)
    try:
        yield BookingSystem(pool)
    finally:
        pool.terminate()
