"""All that the database holds of the jobs, read in one statement, so that two pictures can be compared."""

import json
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import asyncpg


class Row(NamedTuple):
    """The booking system's row. `ended`: it has a `processed_at`."""

    status: str
    attempts: int
    ended: bool


class Lease(NamedTuple):
    """A job in flight. `live`: it has not run out."""

    lease_id: int
    daemon: str
    live: bool


class Due(NamedTuple):
    """When a scheduled job may go. `fallen`: its time has come."""

    fallen: bool
    waits_for: str | None


class Entry(NamedTuple):
    """The ledger's word on one channel of one job."""

    state: str
    lease_id: int
    provider_id: str | None
    receipt: str | None
    resends: int


Key = tuple[str, str]
"""A job and a channel."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The tables, by job; of the counts, what there should be now, by the key of a job that has a salon to itself."""

    rows: dict[str, Row]
    leases: dict[str, Lease]
    schedule: dict[str, Due]
    ledger: dict[Key, Entry]
    counts: dict[tuple[str, str, str], int]

    def holds(self, job: str | None, lease_id: int | None) -> bool:
        """Tell whether a lease is still there, expired or not."""
        return job in self.leases and self.leases[job].lease_id == lease_id


READ = """
select
    (select json_agg(json_build_array(id, status, attempts, processed_at is not null) order by id)
        from notification_jobs),
    (select json_agg(json_build_array(job_id, lease_id, daemon, expires_at > now())) from notifyd.leases),
    (select json_agg(json_build_array(job_id, due_at <= now(), waits_for)) from notifyd.schedule),
    (select json_agg(json_build_array(job_id, channel, state, lease_id, provider_id, receipt, resends))
        from notifyd.deliveries),
    (select json_agg(json_build_array(salon_key, channel, outcome, n)) from (
        select salon_key, channel, outcome, sum(n - purged) as n from notifyd.counts
        group by salon_key, channel, outcome having sum(n - purged) <> 0
    ) counts)
"""


async def take_picture(connection: asyncpg.Connection) -> Picture:
    """Read everything."""
    found = await connection.fetchrow(READ)
    assert found is not None
    rows, leases, schedule, ledger, counts = (json.loads(table or "[]") for table in found)
    return Picture(
        {job: Row(*rest) for job, *rest in rows},
        {job: Lease(*rest) for job, *rest in leases},
        {job: Due(*rest) for job, *rest in schedule},
        {(job, channel): Entry(*rest) for job, channel, *rest in ledger},
        {(UUID(key).hex, channel, outcome): n for key, channel, outcome, n in counts},
    )


NOTHING = Picture({}, {}, {}, {}, {})
