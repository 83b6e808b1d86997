"""Chores on a timer: rescue, orphans, lost due times, cancellations, counts, retention.

Each is safe to run from every daemon at once. A chore that fails is logged and tried again at its next turn; it takes
nothing down with it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import anyio

from notifyd import log
from notifyd.engine.wake import Wake
from notifyd.model.job import State
from notifyd.store.cancelled import note
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.pool import Store
from notifyd.store.rescue import adopt_orphans, rescue
from notifyd.store.retention import FIRST_KEY, forget, purge
from notifyd.store.rollups import AT_ONCE, fold
from notifyd.store.schedule import reschedule_lost
from notifyd.vitals import Vitals

RESCUE_EVERY = 5.0
FOLD_EVERY = 2.0
NOTE_EVERY = 5.0
ORPHANS_EVERY = 60.0
PURGE_EVERY = 60.0
FORGET_EVERY = 3600.0
"""Seconds between two turns of a chore."""

ORPHAN_PATIENCE = timedelta(minutes=5)
"""How long a worker that is not ours has to finish a row it left `processing`: what the original worker gave itself."""

BATCH = 500
"""Rows that one statement of a chore touches."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The chores of one daemon.

    Attributes:
        keep: How long jobs in a final state are kept, by state.
    """

    store: Store
    wake: Wake
    vitals: Vitals
    lease: timedelta
    keep: dict[State, timedelta]

    async def run(self) -> None:
        """Do every chore now and whenever its time has come, for ever."""
        async with anyio.create_task_group() as chores:
            chores.start_soon(_every, min(RESCUE_EVERY, self.lease.total_seconds() / 2), self.rescue)
            chores.start_soon(_every, FOLD_EVERY, self.fold)
            chores.start_soon(_every, NOTE_EVERY, self.take_note)
            chores.start_soon(_every, ORPHANS_EVERY, self.take_in)
            chores.start_soon(_every, PURGE_EVERY, self.purge)
            chores.start_soon(_every, FORGET_EVERY, self.forget)

    async def rescue(self) -> None:
        """Take back the jobs of daemons that went away."""
        while jobs := await rescue(self.store, BATCH):
            for job in jobs:
                log.warning(
                    "job.rescued",
                    job=job.job_id,
                    salon=job.salon_id,
                    type=job.type,
                    attempt=f"{job.attempts}/{job.max_attempts}",
                    held_by=job.daemon,
                    unknown=",".join(job.unknown) or None,
                )
            self.vitals.rescued_total += len(jobs)
            self.wake.ring("due")

    async def fold(self) -> None:
        """Fold what has been counted since, so that there is little to read."""
        while await fold(self.store) == AT_ONCE:
            pass

    async def take_note(self) -> None:
        """Take note of what the booking system has cancelled."""
        while noted := await note(self.store, BATCH):
            log.info("jobs.cancelled", jobs=noted, what="by the booking system")

    async def take_in(self) -> None:
        """Find rows that a foreign worker left `processing`, and scheduled rows without a due time."""
        for job_id in await adopt_orphans(self.store, BATCH, ORPHAN_PATIENCE):
            log.warning(
                "job.orphaned",
                job=job_id,
                what="processing, but no daemon holds it: is another worker at this table?",
                next=f"taken over in {ORPHAN_PATIENCE.total_seconds():.0f} s unless it is finished by then",
            )
        for job_id in await reschedule_lost(self.store, BATCH):
            log.warning("job.rescheduled", job=job_id, what="scheduled, but its due time was lost; due now")

    async def purge(self) -> None:
        """Delete jobs that are older than their retention."""
        for state, keep in self.keep.items():
            while purged := await purge(self.store, state, keep, BATCH):
                self.vitals.purged_total += purged
                log.info("jobs.purged", state=state, jobs=purged)

    async def forget(self) -> None:
        """Delete the ledger of jobs that the booking system has deleted itself."""
        start = FIRST_KEY
        while True:
            page = await forget(self.store, start, max(self.keep.values()), BATCH)
            if page.forgotten:
                log.info("ledger.forgotten", deliveries=page.forgotten)
            if page.last is None:
                return
            start = page.last


async def _every(seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await chore()
        except DatabaseUnavailable as error:
            log.at_most_every(1.0, "database.away", reason=str(error), next="trying again until it answers")
        except Exception as bug:  # noqa: BLE001 - a chore that fails must not stop the sending
            log.exception("upkeep.bug", bug, chore=getattr(chore, "__name__", "?"))
        await anyio.sleep(seconds)
