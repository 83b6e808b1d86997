"""Takes back jobs whose daemon went away, and jobs that a foreign worker left behind.

May never touch a job under a live lease. What goes wrong when it runs too early is a message sent twice, so leases are
given a grace after the server started: nobody could renew while it was down.
"""

from dataclasses import dataclass
from datetime import timedelta

from notifyd.store.pool import Store

SERVER_GRACE = timedelta(seconds=10)
"""After the server has started, so long to renew leases that ran out while it was down."""

RESCUE = """
with expired as materialized (
    select job_key, job_id, lease_id, daemon from notifyd.leases mine
    where expires_at < now() and pg_postmaster_start_time() < now() - $2::interval and {free}
    order by expires_at limit $1
    for update skip locked
), gone as (
    delete from notifyd.leases l using expired where l.job_key = expired.job_key
    returning expired.*
), doubted as (
    update notifyd.deliveries d -- a receipt that came before the outcome proves the message
    set state = case when receipt is null then 'unknown' else 'sent' end, settled_at = now(),
        reason = case when receipt is null then 'the daemon stopped after the message may have left' end
    from gone where d.job_key = gone.job_key and d.lease_id = gone.lease_id and d.state = 'intended'
    returning d.*
), back as (
    update {table} j set status = 'pending', updated_at = {updated_now}
    from gone where j.id = gone.job_id::{id_type} and coalesce(j.status, '') = 'processing'
    returning gone.job_key, gone.job_id, gone.daemon, coalesce(j.salon_id::text, '') as salon_id,
        coalesce(j.type::text, '') as type, coalesce(j.attempts, 0) as attempts,
        coalesce(j.max_attempts, 3) as max_attempts
), changes as (
    select date_trunc('hour', settled_at, 'UTC') as hour, salon_key, type, channel, part.outcome, part.n, 0 as purged
    from (select *, 1 as times from doubted) d, {parts} where part.n > 0
), {tally}
select job_id, daemon, salon_id, type, attempts, max_attempts,
    array(select channel from doubted where doubted.job_key = back.job_key and state = 'unknown') as unknown
from back
"""


@dataclass(frozen=True, slots=True)
class Rescued:
    """A job taken back; it is pending again, its attempt spent.

    Attributes:
        daemon: Who held it.
        unknown: The channels on which a message may have left.
    """

    job_id: str
    daemon: str
    salon_id: str
    type: str
    attempts: int
    max_attempts: int
    unknown: tuple[str, ...]


async def rescue(store: Store, limit: int, server_grace: timedelta = SERVER_GRACE) -> list[Rescued]:
    """End expired leases and make their jobs pending. A job without attempts left is settled by its next claim.

    One whose row is locked by somebody else is left to the next rescue.
    """
    rows = await store.fetch(RESCUE, limit, server_grace)
    return [Rescued(**{**dict(row), "unknown": tuple(row["unknown"])}) for row in rows]


ADOPT_ORPHANS = """
insert into notifyd.leases (job_key, job_id, daemon, expires_at)
select notifyd.job_key(j.id::text), j.id::text, 'a foreign worker', now() + $2
from {table} j
where (j.status || '') = 'processing'
    and not exists (select from notifyd.leases l where l.job_key = notifyd.job_key(j.id::text))
    limit $1
on conflict do nothing
returning job_id
"""


async def adopt_orphans(store: Store, limit: int, patience: timedelta) -> list[str]:
    """Put rows that are `processing` under nobody's lease under one that runs out, so that the rescue finds them.

    A worker that is not ours may still be at work on them: it has `patience` to finish.
    """
    return [row["job_id"] for row in await store.fetch(ADOPT_ORPHANS, limit, patience)]
