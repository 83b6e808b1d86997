"""The three daemons, and what a service manager does for them: whatever ends by itself is started again.

An act of chaos takes a daemon for itself, so that no two acts harm the same process at once.
"""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 - the type alone: the dice are made in run.py

import anyio
import pytest

from chaos.wires import Wires
from support.daemon import DaemonProcess

_GLANCE = 0.2  # seconds between two looks at the processes
_RESTART = 1.0  # seconds until what ended by itself is started again
_LONGEST_STOP = 30.0  # seconds from SIGTERM to the end; GRACE, last words and closing together are less


@dataclass(slots=True)
class Seat:
    """A daemon's place: its process changes, its name, its wires and its log stay."""

    name: str
    daemon: DaemonProcess
    wires: Wires
    taken: bool = False


@dataclass(slots=True)
class Crew:
    """All daemons.

    Attributes:
        failures: Those that ended by themselves, or did not end when told to.
    """

    seats: list[Seat]
    say: Callable[[str], None]
    failures: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def take(self, dice: Random) -> AsyncIterator[Seat | None]:
        """Give a daemon that no other act has taken; None where there is none."""
        free = [seat for seat in self.seats if not seat.taken]
        if not free:
            yield None
            return
        seat = dice.choice(free)
        seat.taken = True
        try:
            yield seat
        finally:
            seat.taken = False

    async def attend(self) -> None:
        """Start again what ended by itself, until cancelled."""
        async with anyio.create_task_group() as restarts:
            while True:
                for seat in self.seats:
                    if not seat.taken and seat.daemon.exit_code is not None:
                        restarts.start_soon(self._restart, seat)
                        seat.taken = True
                await anyio.sleep(_GLANCE)

    async def _restart(self, seat: Seat) -> None:
        self._note(f"daemon {seat.name} ended by itself with {seat.daemon.exit_code}")
        try:
            await anyio.sleep(_RESTART)
            seat.daemon.start()
        finally:
            seat.taken = False

    async def terminate(self, seat: Seat) -> None:
        """Send SIGTERM and wait for the end; kill what does not come to it."""
        try:
            code = await seat.daemon.terminate(_LONGEST_STOP)
        except pytest.fail.Exception:
            self._note(f"daemon {seat.name} did not stop within {_LONGEST_STOP:.0f} s of SIGTERM")
            seat.daemon.kill()
        else:
            if code not in {0, -signal.SIGTERM}:  # that one before it was up enough to listen for signals
                self._note(f"daemon {seat.name} ended with {code} after SIGTERM")

    async def dismiss(self) -> None:
        """Stop all of them for good."""
        async with anyio.create_task_group() as stops:
            for seat in self.seats:
                seat.taken = True
                stops.start_soon(self.terminate, seat)

    def _note(self, what: str) -> None:
        self.failures.append(what)
        self.say(what)


@asynccontextmanager
async def open_crew(members: list[tuple[str, DaemonProcess, Wires]], say: Callable[[str], None]) -> AsyncIterator[Crew]:
    """Start the daemons; kill, at the end, whatever of them is left, SIGSTOPped or not."""
    async with AsyncExitStack() as stack:
        seats = [Seat(name, stack.enter_context(daemon), wires) for name, daemon, wires in members]
        yield Crew(seats, say)
