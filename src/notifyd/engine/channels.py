"""One channel as the engine sees it: its transport, its slots, and its pause.

A slow provider must not hold up the other channel's jobs: whoever finds no free slot in time is put off, unspent.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio

from notifyd import log
from notifyd.engine.pause import Pause
from notifyd.model.job import Channel
from notifyd.model.message import Inquiry, Transport
from notifyd.model.outcome import Outcome, Paused
from notifyd.vitals import Vitals

SLOT_PATIENCE = 5.0
"""Seconds that a job waits for a free slot before it is put off, and then for how long."""

STALLED_AFTER = 1.0
"""Seconds without a freed slot after which nobody joins the queue any more."""


@dataclass(slots=True)
class Outlet:
    """A channel with its transport.

    Attributes:
        sender: Who we send as; part of a suppression's scope.
        slots: How many sends may be under way at once.
        inquiry: Asks the provider what became of a message; None where nobody can be asked.
    """

    channel: Channel
    transport: Transport
    sender: str
    slots: int
    inquiry: Inquiry | None = None
    pause: Pause = field(default_factory=Pause)
    _free: anyio.Semaphore = field(init=False)
    _moved_at: float = 0.0

    def __post_init__(self) -> None:
        self._free = anyio.Semaphore(self.slots, fast_acquire=True)

    async def enter(self, *, asking: bool = False) -> Paused | None:
        """Wait for a slot, to send or to make an inquiry. Returns None with the slot taken (`leave` it), or why not."""
        if not await self._take_slot():
            return Paused(f"all {self.slots} slots are busy", retry_after=SLOT_PATIENCE, whole_channel=False)
        if refused := self.pause.admit(time.monotonic(), asking=asking):
            self._free.release()
            return refused
        return None

    def leave(self) -> None:
        """Give the slot back."""
        self._moved_at = time.monotonic()
        self._free.release()

    async def _take_slot(self) -> bool:
        try:
            self._free.acquire_nowait()
        except anyio.WouldBlock:
            if time.monotonic() - self._moved_at > STALLED_AFTER:
                return False
            with anyio.move_on_after(SLOT_PATIENCE):
                await self._free.acquire()
                return True
            return False
        self._moved_at = time.monotonic()
        return True


Outlets = Mapping[Channel, Outlet]


def observe(outlet: Outlet, outcome: Outcome, vitals: Vitals, *, probe: bool) -> bool:
    """Tell a channel what a send or a failed inquiry came to, and the journal when that opens or pauses it.

    Returns:
        Whether the channel was opened or paused by it.
    """
    now = time.monotonic()
    if not outlet.pause.observe(outcome, now, probe=probe):
        return False
    if outlet.pause.reason is None:
        return _resumed(outlet, vitals)
    vitals.pauses[outlet.channel] = outlet.pause.reason
    tell = log.error if isinstance(outcome, Paused) and outcome.loud else log.warning
    tell(
        "channel.paused",
        channel=outlet.channel,
        reason=outlet.pause.reason,
        probe_in_s=round(outlet.pause.until - now, 1),
        next="jobs wait unspent; one at a time probes",
    )
    return True


def vindicate(outlet: Outlet, vitals: Vitals) -> bool:
    """Tell a channel that a message in doubt was accepted. Returns whether the channel was opened by it."""
    return outlet.pause.vindicate() and _resumed(outlet, vitals)


def _resumed(outlet: Outlet, vitals: Vitals) -> bool:
    vitals.pauses.pop(outlet.channel, None)
    log.info("channel.resumed", channel=outlet.channel)
    return True
