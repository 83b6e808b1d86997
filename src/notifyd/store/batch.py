"""Gathers what many tasks want written and writes it in few statements.

While one statement is under way the next round gathers, so rounds grow with the load and nobody waits for a timer. A
lost database is waited out. An item that PostgreSQL refuses is found by halving, so that it cannot harm its neighbours.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import anyio

from notifyd.store.pool import outlast
from notifyd.store.table import TableUnusable

Item = TypeVar("Item")
Result = TypeVar("Result")

LARGEST_ROUND = 500
"""Items in one statement."""


class Round(Generic[Item, Result]):
    """Items that are written together."""

    __slots__ = ("done", "items", "results")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.results: list[Result | Exception] = []
        self.done = anyio.Event()


class Ticket(Generic[Item, Result]):
    """One item's place in its round."""

    __slots__ = ("_place", "_round")

    def __init__(self, its_round: Round[Item, Result]) -> None:
        self._round = its_round
        self._place = len(its_round.items) - 1

    async def written(self) -> Result:
        """Wait until the item is committed.

        Raises:
            Exception: what PostgreSQL refused the item with.
        """
        await self._round.done.wait()
        result = self._round.results[self._place]
        if isinstance(result, Exception):
            raise result
        return result


class Batch(Generic[Item, Result]):
    """A queue in front of one statement. Items are committed in the order in which they were put."""

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._write = write
        self._rounds: list[Round[Item, Result]] = []
        self._filled = anyio.Event()

    def put(self, item: Item) -> Ticket[Item, Result]:
        """Hand an item over; it will be written even if nobody waits for it."""
        if not self._rounds or len(self._rounds[-1].items) >= LARGEST_ROUND:
            self._rounds.append(Round())
            self._filled.set()
        self._rounds[-1].items.append(item)
        return Ticket(self._rounds[-1])

    async def run(self) -> None:
        """Write, for ever."""
        while True:
            await self._filled.wait()
            self._filled = anyio.Event()
            while self._rounds:
                current = self._rounds.pop(0)
                current.results = await self._write_all(current.items)
                current.done.set()

    async def _write_all(self, items: Sequence[Item]) -> list[Result | Exception]:
        try:
            return list(await outlast(lambda: self._write(items)))
        except TableUnusable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the item that caused it
            if len(items) == 1:
                return [error]
            middle = len(items) // 2
            return [*await self._write_all(items[:middle]), *await self._write_all(items[middle:])]
