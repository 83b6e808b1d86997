"""Counts changes and wakes whoever waits for one; no change between a look and a wait is missed."""

import anyio


class Pulse:
    """A counter to wait on.

    Attributes:
        count: How many changes there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._next = anyio.Event()

    def beat(self) -> int:
        """Count a change and return its number."""
        self.count += 1
        self._next.set()
        self._next = anyio.Event()
        return self.count

    async def beyond(self, count: int) -> None:
        """Wait until there were more changes than `count`."""
        while self.count <= count:
            await self._next.wait()
