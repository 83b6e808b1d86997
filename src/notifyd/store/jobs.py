"""Claims jobs and keeps their leases. Ending a lease is `store.record`'s work, taking one back is `store.rescue`'s.

`(status || '')` is how every statement of ours names the state: no index of the booking system can serve that
expression, so the planner is left with our partial indexes, whatever its statistics say.
"""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from notifyd.model.job import Channel, Delivery, DeliveryState, Doubt, Job, JobId, LeaseId, Trace
from notifyd.store.pool import Store

LARGEST_PAYLOAD = 1_000_000
"""Bytes of payload that the daemon is willing to read; a confirmation has about one thousand."""

CLAIM = """
with ready as materialized (
    select id, notifyd.job_key(id::text) as job_key from {table} waiting
    where (status || '') = 'pending'
        and not exists (select from notifyd.leases where leases.job_key = notifyd.job_key(waiting.id::text))
    order by updated_at limit $1
    for no key update of waiting skip locked
), leased as (
    insert into notifyd.leases (job_key, job_id, daemon, expires_at)
    select job_key, id::text, $2, now() + $3 from ready
    on conflict (job_key) do nothing
    returning job_key, job_id, lease_id
), taken as (
    update {table} j
    set status = 'processing', attempts = least(greatest(attempts, 0), 2147483646) + 1, updated_at = {updated_now}
    from leased where j.id = leased.job_id::{id_type}
    returning leased.job_key, leased.lease_id, leased.job_id as id,
        coalesce(j.salon_id::text, '') as salon_id, coalesce(j.client_id::text, '') as client_id,
        j.appointment_id::text as appointment_id, coalesce(j.type::text, '') as type,
        j.attempts, coalesce(j.max_attempts, 3) as max_attempts,
        case when octet_length(j.payload::text) <= $4 then j.payload::text end as payload,
        {run_at} as run_at, {expires_at} as expires_at
)
select taken.*, now() as now, (
        select array_agg(array[
            channel, state, reason, recipient, sender, fingerprint, extract(epoch from now() - intended_at)::text,
            case when state in ('intended', 'unknown') then
                extract(epoch from now() - coalesce(settled_at, intended_at))::text end
        ]) from notifyd.deliveries d where d.job_key = taken.job_key
    ) as deliveries
from taken
"""


async def claim(store: Store, daemon: str, limit: int, lease: timedelta) -> list[Job]:
    """Take at most `limit` pending jobs under leases of ours, and count the attempt.

    Those go first that have been pending for longest: a job that comes back from waiting stands behind the fresh ones.

    One statement: the row locks of SKIP LOCKED last until the status and the lease are written, so that no other
    daemon can take the same rows. A pending row that somebody has a lease on, be it expired, is not handed out: first a
    rescue must end the lease, and put in doubt what was about to be sent under it.

    Args:
        store: The database.
        daemon: The name under which this process holds leases, unique to it.
        limit: How many jobs there is room for.
        lease: How long each may go without renewal.

    Raises:
        DatabaseUnavailable: Perhaps after the claim was carried out: then `release_strays` gives the jobs back.
    """
    return [_job(row) for row in await store.fetch(CLAIM, limit, daemon, lease, LARGEST_PAYLOAD)]


def _job(row: asyncpg.Record) -> Job:
    return Job(
        id=JobId(row["id"]),
        key=row["job_key"].hex,
        lease_id=LeaseId(row["lease_id"]),
        salon_id=row["salon_id"],
        client_id=row["client_id"],
        appointment_id=row["appointment_id"],
        type=row["type"],
        payload=row["payload"],
        attempt=row["attempts"],
        max_attempts=row["max_attempts"],
        now=row["now"],
        run_at=row["run_at"],
        expires_at=row["expires_at"],
        deliveries={Channel(channel): _delivery(fields) for channel, *fields in row["deliveries"] or ()},
    )


def _delivery(fields: Sequence[str | None]) -> Delivery:
    state, reason, recipient, sender, fingerprint, age, unknown_for = fields
    known = DeliveryState(state or "")
    if unknown_for is None:
        return Delivery(known, reason)
    trace = None
    if recipient is not None and sender is not None and fingerprint is not None:
        trace = Trace(recipient, sender, fingerprint, timedelta(seconds=float(age or 0)))
    return Delivery(known, reason, Doubt(timedelta(seconds=float(unknown_for)), trace))


RENEW = """
with held as materialized (
    select job_key from notifyd.leases where lease_id = any($1::bigint[]) order by lease_id for no key update
)
update notifyd.leases l set expires_at = now() + $2 from held where l.job_key = held.job_key returning lease_id
"""


async def renew(store: Store, lease_ids: Sequence[LeaseId], lease: timedelta) -> set[LeaseId]:
    """Prolong leases, all in one statement.

    They are locked in the order in which verdicts end them, so that the two cannot lock each other out.

    Returns:
        The leases that are still ours; the others were taken back by a rescue.
    """
    return {row["lease_id"] for row in await store.fetch(RENEW, lease_ids, lease)}


RELEASE_STRAYS = """
with gone as (
    delete from notifyd.leases mine where daemon = $1 and lease_id <> all($2::bigint[]) and {free}
    returning job_id
)
update {table} j set status = 'pending', attempts = greatest(attempts - 1, 0), updated_at = {updated_now}
from gone where j.id = gone.job_id::{id_type} and coalesce(j.status, '') = 'processing'
returning j.id::text as id
"""


async def release_strays(store: Store, daemon: str, in_flight: Sequence[LeaseId]) -> list[JobId]:
    """Give back, unspent, the jobs of a claim whose answer never reached us. Safe to repeat."""
    return [JobId(row["id"]) for row in await store.fetch(RELEASE_STRAYS, daemon, in_flight)]
