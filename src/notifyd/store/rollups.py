"""Folds what statements have counted into the rollups that are read. Safe to run from every daemon at once.

A reader adds up rollups and what is not folded yet, so that it never matters when this runs: only how much there is to
read. What is being folded by somebody else is left to him. All daemons are told that counts have changed.
"""

import asyncpg

from notifyd.store.pool import STATEMENT_TIMEOUT, Store

COUNTS = "notifyd_counts"
"""What a fold notifies: whatever was made of the counts before is out of date."""

AT_ONCE = 100
"""Tallies that one statement folds; each holds what one statement has counted, or a part of an adoption."""

ALL_SALONS = "00000000-0000-0000-0000-000000000000"
"""The key of the rollups of all salons together."""

FOLD = """
with taken as (
    delete from notifyd.tallies
    where id in (select id from notifyd.tallies order by id limit $1 for update skip locked)
    returning counts
), summed as materialized ( -- in one order for all, so that no two folds wait for each other
    select coalesce(salon_key, '{all_salons}') as salon_key,
        coalesce(hour, '-infinity') as hour, coalesce(type, '') as type, channel, outcome,
        sum(n) as n, sum(purged) as purged
    from taken, unnest(taken.counts)
    group by channel, outcome, grouping sets ((salon_key, hour, type), (salon_key, hour), (salon_key), (hour), ())
    order by 1, 2, 3, 4, 5
), folded as (
    insert into notifyd.rollups as r (salon_key, hour, type, channel, outcome, n, purged) select * from summed
    on conflict (salon_key, hour, type, channel, outcome) do update
        set n = r.n + excluded.n, purged = r.purged + excluded.purged
)
select count(*) as folded, case when count(*) > 0 then pg_notify('{counts}', '')::text end as told from taken
""".replace("{counts}", COUNTS).replace("{all_salons}", ALL_SALONS)


async def fold(store: Store, limit: int = AT_ONCE) -> int:
    """Fold at most `limit` tallies, the oldest first.

    Returns:
        How many there were.
    """
    return int((await store.fetchrow(FOLD, limit))["folded"])


async def fold_all(connection: asyncpg.Connection) -> None:
    """Fold all there are, on a connection that has no pool."""
    while await connection.fetchval(FOLD, AT_ONCE, timeout=STATEMENT_TIMEOUT) == AT_ONCE:
        pass
