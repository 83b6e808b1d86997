"""Which jobs are in flight, and until when we may act on them; renews all their leases in one statement.

The deadlines here are of the monotonic clock and err on the early side. They stop a process that was suspended from
sending what another daemon has taken over meanwhile; what is written is fenced by the lease row in the database.
"""

import time
from datetime import timedelta

import anyio

from notifyd.model.job import Job, LeaseId
from notifyd.store.jobs import renew
from notifyd.store.pool import Store, outlast
from notifyd.vitals import Vitals

RENEWALS = 3
"""Renewals in the time of one lease."""


class LeaseLost(Exception):  # noqa: N818 - a finding, not a failure
    """Another daemon may have the job by now: nothing may be sent, nothing will be written."""


class Leases:
    """The leases of the jobs in flight."""

    def __init__(self, duration: timedelta, vitals: Vitals) -> None:
        self.duration = duration
        self._deadlines: dict[LeaseId, float] = {}
        self._vitals = vitals

    def deadline(self) -> float:
        """Return when a lease that is asked for now will have run out; take it before asking."""
        return time.monotonic() + self.duration.total_seconds()

    def hold(self, job: Job, deadline: float) -> None:
        """Remember a claimed job."""
        self._deadlines[job.lease_id] = deadline
        self._vitals.in_flight = len(self._deadlines)

    def drop(self, job: Job) -> None:
        """Forget a job that is settled."""
        self._deadlines.pop(job.lease_id, None)
        self._vitals.in_flight = len(self._deadlines)

    def good(self, job: Job) -> bool:
        """Tell whether nobody can have taken the job over yet. Reads the clock anew: the process may have slept."""
        return self._deadlines.get(job.lease_id, 0.0) > time.monotonic()

    @property
    def in_flight(self) -> list[LeaseId]:
        """The leases we know of."""
        return list(self._deadlines)

    async def keep(self, store: Store) -> None:
        """Renew, for ever."""
        while True:
            await anyio.sleep(self.duration.total_seconds() / RENEWALS)
            if self._deadlines:
                await self._renew(store)

    async def _renew(self, store: Store) -> None:
        asked = self.in_flight
        deadline = 0.0

        async def ask() -> set[LeaseId]:
            nonlocal deadline
            deadline = self.deadline()
            return await renew(store, asked, self.duration)

        renewed = await outlast(ask)
        for lease_id in asked:
            if lease_id in self._deadlines:  # one that is lost is told of by its attempt, once
                self._deadlines[lease_id] = deadline if lease_id in renewed else 0.0
