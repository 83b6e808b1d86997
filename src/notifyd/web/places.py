"""Places in which answers are made, and the line before them, which is bounded in length and in time.

Who waits in the line has no clock running but the line's: what is read is given its whole time once it has a place.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

PLACES = 2
"""Loads of one line that read at once."""

MOST_LOADS = 1_000
"""Loads under way, those in the line and those that wait for another of their key among them."""

PATIENCE = 4.0
"""Seconds that a load stands in the line; the web's own deadline for a request lies behind it."""


class TooManyLoads(Exception):  # noqa: N818 - the state of the daemon
    """More answers are to be made than there are places for; asking again in a second may find one."""


class Places:
    """The places of those who stand in one line."""

    def __init__(self) -> None:
        self._free = anyio.Semaphore(PLACES)
        self._under_way = 0

    @property
    def full(self) -> bool:
        """Whether there is not even room to wait."""
        return self._under_way >= MOST_LOADS

    def enter(self) -> None:
        """Let one more come under way.

        Raises:
            TooManyLoads: There is no room.
        """
        if self.full:
            raise TooManyLoads
        self._under_way += 1

    def leave(self) -> None:
        """Let one go that entered."""
        self._under_way -= 1

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Stand in the line for a place, and hold it while the block runs.

        Raises:
            TooManyLoads: None came free in time.
        """
        try:
            with anyio.fail_after(PATIENCE):
                await self._free.acquire()
        except TimeoutError:
            raise TooManyLoads from None
        try:
            yield
        finally:
            self._free.release()
