"""Deletes what is older than its retention, in small batches, so that no lock is held long and no WAL burst is made.

What is deleted stays counted: the counts say how much of what they count has no row any more.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from notifyd.model.job import State
from notifyd.store.pool import Store

PURGE = """
with old as (
    select id from {table}
    where (status || '') in ('completed', 'failed', 'cancelled') and (status || '') = $1
        and {finished_at} < {processed_now} - $2::interval
        and (processed_at is not null or (status || '') <> 'cancelled') -- see store/cancelled.py: it is counted first
    order by {finished_at} limit $3
    for update skip locked
), gone as (
    delete from {table} j using old where j.id = old.id
    returning notifyd.job_key(j.id::text) as job_key, (j.status || '') as status, {finished_hour} as hour,
        {salon_key} as salon_key, {type} as type
), ledger as (
    delete from notifyd.deliveries d using gone where d.job_key = gone.job_key returning d.*
), partial as materialized (
    select job_key from ledger group by job_key
    having {partial}
), changes as (
    select hour, salon_key, type, 'job' as channel, case
        when status = 'completed' and job_key in (select job_key from partial) then 'partial' else status
    end as outcome, 0 as n, count(*) as purged
    from gone group by hour, salon_key, type, outcome
    union all
    select hour, salon_key, type, channel, part.outcome, {purged} from (
        select date_trunc('hour', settled_at, 'UTC') as hour, salon_key, type, channel, state, count(*) as times,
            sum(segments) as segments
        from ledger group by 1, 2, 3, 4, 5
    ) d, {parts} where part.n > 0
), {tally}
select count(*) as purged from gone
"""


async def purge(store: Store, state: State, keep: timedelta, limit: int) -> int:
    """Delete at most `limit` jobs in one final state that ended longer than `keep` ago, with their ledger.

    Returns:
        How many were deleted.
    """
    row = await store.fetchrow(PURGE, state.value, keep, limit)
    return int(row["purged"])


FORGET = """
with page as (
    select job_key, channel, job_id, intended_at from notifyd.deliveries
    where job_key >= $1 order by job_key, channel limit $2
), gone as (
    delete from notifyd.deliveries d using page
    where d.job_key = page.job_key and d.channel = page.channel and d.intended_at < now() - $3::interval
        and not exists (select from {table} j where j.id = page.job_id::{id_type})
    returning d.*
), changes as (
    select date_trunc('hour', settled_at, 'UTC') as hour, salon_key, type, channel, part.outcome,
        {purged}
    from (select *, 1 as times from gone) d, {parts} where part.n > 0
), {tally}
select (select max(job_key::text)::uuid from page) as last, (select count(*) from page) as seen,
    (select count(*) from gone) as forgotten
"""

FIRST_KEY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the ledger, swept.

    Attributes:
        last: Where the next page starts; None at the end of the ledger.
        forgotten: Ledger rows deleted because their job is gone.
    """

    last: UUID | None
    forgotten: int


async def forget(store: Store, start: UUID, keep: timedelta, limit: int) -> Page:
    """Delete ledger rows older than `keep` whose job the booking system has deleted itself, one page of the ledger."""
    row = await store.fetchrow(FORGET, start, limit, keep)
    return Page(row["last"] if row["seen"] == limit else None, row["forgotten"])
