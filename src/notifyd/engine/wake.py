"""Many signals in, one wake out: notifications, freed slots, due times and the poll all mean "look now"."""

import anyio

from notifyd.vitals import WakeSource


class Wake:
    """A bell that may be rung often and is heard once."""

    def __init__(self) -> None:
        self._rung = anyio.Event()
        self._source: WakeSource = "poll"

    def ring(self, source: WakeSource) -> None:
        """Wake the waiter; identical wakes collapse into one."""
        if not self._rung.is_set():
            self._source = source
            self._rung.set()

    async def wait(self, poll: float) -> WakeSource:
        """Wait until it rings, or for `poll` seconds. Returns what woke it."""
        with anyio.move_on_after(poll):
            await self._rung.wait()
        heard = self._source if self._rung.is_set() else "poll"
        self._rung = anyio.Event()
        return heard
