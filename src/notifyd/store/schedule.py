"""Turns scheduled jobs into pending ones when they fall due, or when the provider they wait for is back."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations

from notifyd.model.job import Channel
from notifyd.store.pool import Store

WAITS = [frozenset(waits) for count in range(1, len(Channel) + 1) for waits in combinations(Channel, count)]
"""The channels that a job may wait for: one, or whichever of several comes back first."""

PROMOTE = """
with fallen_due as materialized (
    select job_key, job_id from notifyd.schedule mine
    where waits_for is null and due_at <= now() and {free}
    order by due_at limit $3 for update skip locked
), back as materialized (
    select due.* from unnest($1::text[]) waited, lateral (
        select job_key, job_id from notifyd.schedule mine
        where waits_for = waited and {free} order by due_at limit $3 for update skip locked
    ) due
), probe as materialized (
    select due.* from unnest($2::text[]) waited, lateral (
        select job_key, job_id from notifyd.schedule mine
        where waits_for = waited and {free} order by due_at limit 1 for update skip locked
    ) due
), due as materialized (
    select * from fallen_due union all select * from back union all select * from probe
), gone as (
    delete from notifyd.schedule s using due where s.job_key = due.job_key
), moved as (
    update {table} j set status = 'pending', updated_at = {updated_now}
    from due where j.id = due.job_id::{id_type} and coalesce(j.status, '') = 'scheduled'
    returning 1
)
select (select count(*) from due) as due, (select count(*) from moved) as moved, (
        select extract(epoch from due_at - now())::float8 from notifyd.schedule
        where waits_for is null and due_at > now() order by due_at limit 1
    ) as next_due
"""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion did.

    Attributes:
        moved: Jobs that are pending now.
        more: Whether to promote again at once: there may be more of them, or what was chosen had been called off.
        next_due: Seconds until the next job falls due; None when nothing is scheduled.
    """

    moved: int
    more: bool
    next_due: float | None


async def promote(store: Store, back: Collection[Channel], probes: Collection[Channel], limit: int) -> Promotion:
    """Make due jobs pending. One whose row is locked by somebody else waits for the next promotion.

    Args:
        store: The database.
        back: Channels that work: whatever waits for them may go.
        probes: Paused channels whose provider may be asked again: one job that waits may go for each, and one of those
            that wait for several.
        limit: At most so many at once that fell due, and so many for each channel.
    """
    open_again = [waits for waits in WAITS if not waits.isdisjoint(back)]
    to_probe = [waits for waits in WAITS if waits.isdisjoint(back) and not waits.isdisjoint(probes)]
    named = ([",".join(sorted(waits)) for waits in each] for each in (open_again, to_probe))
    row = await store.fetchrow(PROMOTE, *named, limit)
    return Promotion(row["moved"], row["due"] >= limit or row["due"] > row["moved"], row["next_due"])


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
