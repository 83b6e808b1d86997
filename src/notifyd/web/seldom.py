"""Passes a signal on at once, and then at most once in a while: a busy table may give it thousands a second."""

from collections.abc import Callable

import anyio


class Seldom:
    """A bell that rests after each stroke; what is rung meanwhile becomes one stroke when the rest is over."""

    def __init__(self, strike: Callable[[], None], rest: float) -> None:
        """Describe the bell; `run` makes it sound.

        Args:
            strike: Must be quick; it is called on the event loop.
            rest: Seconds.
        """
        self._strike = strike
        self._rest = rest
        self._rung = anyio.Event()

    def ring(self) -> None:
        """Ask for a stroke; costs next to nothing."""
        self._rung.set()

    async def run(self) -> None:
        """Strike when asked, until cancelled."""
        while True:
            await self._rung.wait()
            self._rung = anyio.Event()
            self._strike()
            await anyio.sleep(self._rest)
