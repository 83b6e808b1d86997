"""Claims exactly as many jobs as there are free slots, and hands each to a waiting worker.

One loop, no timer re-entry. The claim and the hand-over share a shield, so that a stop cannot strand claimed rows.
"""

from dataclasses import dataclass, field
from datetime import timedelta

import anyio
from anyio.lowlevel import checkpoint_if_cancelled
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from notifyd import log
from notifyd.engine.attempt import attempt
from notifyd.engine.wake import Wake
from notifyd.engine.workshop import Workshop
from notifyd.model.job import Job
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.jobs import claim, release_strays
from notifyd.store.pool import OUTAGE_PAUSE, Store

GATHER = 0.01
"""Seconds to wait for more freed slots while few are free: a claim of one costs that of fifty."""

CLAIMS_UNDER_WAY = 4
"""Claims that fill all slots: while the jobs of one are settled, those of the next are sent."""

LONGEST_LOOK = 1.0
"""Seconds without free slots after which the loop shows that it still turns."""


@dataclass(slots=True)
class Claimer:
    """The claim loop.

    Attributes:
        daemon: The name under which leases are held, unique to this process.
        slots: How many jobs may be in flight.
        poll: Seconds between two looks when nothing wakes us.
    """

    store: Store
    shop: Workshop
    wake: Wake
    daemon: str
    slots: int
    poll: timedelta
    _freed: anyio.Event = field(default_factory=anyio.Event)
    _strays: bool = False

    async def work(self, claimed: MemoryObjectReceiveStream[Job]) -> None:
        """Carry out attempts, one after another, until the claim loop has ended and nothing is left.

        One task for each slot, kept: to start a task costs more than all else that the loop does for a job.
        """
        async with claimed:
            async for job in claimed:
                await attempt(job, self.shop)
                self._freed.set()

    async def run(self, claimed: MemoryObjectSendStream[Job]) -> None:
        """Claim, for ever; the workers listen on the other end of `claimed`, which has a place for every slot."""
        async with claimed:
            await self._run(claimed)

    async def _run(self, claimed: MemoryObjectSendStream[Job]) -> None:
        vitals = self.shop.vitals
        vitals.slots = self.slots
        while True:
            backlog = True
            while backlog:
                await checkpoint_if_cancelled()  # the claim is shielded: here is where a stop gets a word in
                room = await self._room()
                taken = await self._claim(room, claimed)
                backlog = taken == room
            vitals.wakes_total[await self.wake.wait(self.poll.total_seconds())] += 1

    async def _room(self) -> int:
        """Wait until there are free slots worth a claim. Returns how many to fill."""
        worth = max(self.slots // CLAIMS_UNDER_WAY, 1)
        while (free := self._free()) < worth:
            self._freed = anyio.Event()
            with anyio.move_on_after(GATHER if free > 0 else LONGEST_LOOK):
                await self._freed.wait()
                continue
            self._turned()
            if free > 0:
                break
        return min(self._free(), worth)

    def _free(self) -> int:
        return self.slots - self.shop.vitals.in_flight

    async def _claim(self, room: int, claimed: MemoryObjectSendStream[Job]) -> int:
        """Claim once. Returns how many jobs were taken."""
        leases, vitals = self.shop.leases, self.shop.vitals
        with anyio.CancelScope(shield=True):
            try:
                await self._release_strays()
                deadline = leases.deadline()
                jobs = await claim(self.store, self.daemon, room, leases.duration)
            except DatabaseUnavailable as error:
                self._strays = True  # perhaps it was carried out, and only the answer was lost
                vitals.database_ok = False
                vitals.database_errors_total += 1
                log.at_most_every(1.0, "database.away", reason=str(error), next="trying again until it answers")
                jobs = []
            else:
                if not vitals.database_ok:
                    log.info("database.ready")
                vitals.database_ok, vitals.last_claim_at = True, anyio.current_time()
            for job in jobs:
                leases.hold(job, deadline)
                claimed.send_nowait(job)
        vitals.claimed_total += len(jobs)
        self._turned()
        if not vitals.database_ok:
            await anyio.sleep(OUTAGE_PAUSE)
            return room  # look again at once
        return len(jobs)

    async def _release_strays(self) -> None:
        if self._strays:
            for job_id in await release_strays(self.store, self.daemon, self.shop.leases.in_flight):
                log.warning("job.released", job=job_id, what="its claim was cut off; given back unspent")
            self._strays = False

    def _turned(self) -> None:
        self.shop.vitals.turned_at = anyio.current_time()
