"""Turns scheduled jobs into pending ones when they fall due, or when the provider they wait for is back."""

from collections.abc import Collection
from dataclasses import dataclass

from notifyd.model.job import Channel
from notifyd.store.pool import Store

PROMOTE = """
with fallen_due as materialized (
    select job_key, job_id from notifyd.schedule
    where waits_for is null and due_at <= now()
    order by due_at limit $3 for update skip locked
), back as materialized (
    select job_key, job_id from notifyd.schedule
    where waits_for = any($1::text[])
    order by due_at limit $3 for update skip locked
), probe as materialized (
    select job_key, job_id from notifyd.schedule
    where waits_for = any($2::text[])
    order by due_at limit cardinality($2::text[]) for update skip locked
), due as materialized (
    select * from fallen_due union all select * from back union all select * from probe
), gone as (
    delete from notifyd.schedule s using due where s.job_key = due.job_key
), moved as (
    update {table} j set status = 'pending', updated_at = {updated_now}
    from due where j.id = due.job_id::{id_type} and j.status = 'scheduled'
    returning 1
)
select (select count(*) from moved) as moved, (select count(*) from due) as due, (
        select extract(epoch from due_at - now())::float8 from notifyd.schedule
        where waits_for is null and due_at > now() order by due_at limit 1
    ) as next_due
"""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion did.

    Attributes:
        moved: Jobs that are pending now.
        more: Whether there may be more of them.
        next_due: Seconds until the next job falls due; None when nothing is scheduled.
    """

    moved: int
    more: bool
    next_due: float | None


async def promote(store: Store, back: Collection[Channel], probes: Collection[Channel], limit: int) -> Promotion:
    """Make due jobs pending.

    Args:
        store: The database.
        back: Channels that work: whatever waits for them may go.
        probes: Paused channels whose provider may be asked again: one job that waits may go for each.
        limit: At most so many at once from each group.
    """
    row = await store.fetchrow(
        PROMOTE, [channel.value for channel in back], [channel.value for channel in probes], limit
    )
    return Promotion(row["moved"], row["due"] >= limit, row["next_due"])


RESCHEDULE_LOST = """
insert into notifyd.schedule (job_key, job_id, due_at, reason)
select notifyd.job_key(j.id::text), j.id::text, now(), 'its due time was lost'
from {table} j
where (j.status || '') = 'scheduled'
    and not exists (select from notifyd.schedule s where s.job_key = notifyd.job_key(j.id::text))
    limit $1
on conflict do nothing
returning job_id
"""


async def reschedule_lost(store: Store, limit: int) -> list[str]:
    """Give scheduled rows without a due time one: now. Such rows are made by others, or restored from a backup."""
    return [row["job_id"] for row in await store.fetch(RESCHEDULE_LOST, limit)]
