"""Gathers what many tasks want written and writes it in few statements.

While one statement is under way the next batch gathers, so batches grow with the load and nobody waits for a timer. A
lost database is waited out. An item that PostgreSQL refuses is found by halving, so that it cannot harm its neighbours.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import anyio

from notifyd.store.pool import outlast

Item = TypeVar("Item")
Result = TypeVar("Result")

LARGEST_BATCH = 500
"""Items in one statement."""


class Ticket(Generic[Item, Result]):
    """One item on its way into the database."""

    __slots__ = ("_done", "_error", "_result", "item")

    def __init__(self, item: Item) -> None:
        self.item = item
        self._done = anyio.Event()
        self._result: Result | None = None
        self._error: Exception | None = None

    def resolve(self, result: Result) -> None:
        """The statement was carried out."""
        self._result = result
        self._done.set()

    def refuse(self, error: Exception) -> None:
        """PostgreSQL does not take this item."""
        self._error = error
        self._done.set()

    async def written(self) -> Result:
        """Wait until the item is committed.

        Raises:
            Exception: what PostgreSQL refused the item with.
        """
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value] # None is a result too


class Batch(Generic[Item, Result]):
    """A queue in front of one statement. Items are committed in the order in which they were put."""

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._write = write
        self._waiting: list[Ticket[Item, Result]] = []
        self._filled = anyio.Event()

    def put(self, item: Item) -> Ticket[Item, Result]:
        """Hand an item over; it will be written even if nobody waits for it."""
        ticket: Ticket[Item, Result] = Ticket(item)
        self._waiting.append(ticket)
        self._filled.set()
        return ticket

    async def run(self) -> None:
        """Write, for ever."""
        while True:
            await self._filled.wait()
            self._filled = anyio.Event()
            while self._waiting:
                batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
                await self._write_all(batch)

    async def _write_all(self, batch: Sequence[Ticket[Item, Result]]) -> None:
        try:
            results = await outlast(lambda: self._write([ticket.item for ticket in batch]))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the item that caused it
            if len(batch) == 1:
                batch[0].refuse(error)
                return
            middle = len(batch) // 2
            await self._write_all(batch[:middle])
            await self._write_all(batch[middle:])
            return
        for ticket, result in zip(batch, results, strict=True):
            ticket.resolve(result)
