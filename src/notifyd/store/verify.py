"""Recounts everything from the rows, and compares it with what was counted when it was done.

Of each outcome as many rows must be there as were counted and not deleted by retention. Where they differ somebody else
has finished, changed or deleted rows, and the difference can be adopted: counted as if we had done it. All is read in
one snapshot, whatever the daemons do meanwhile. Whole tables are read, so it may take minutes; it holds up nobody.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from notifyd.store.connect import AWAY, DatabaseUnavailable, connect
from notifyd.store.pool import FREE_PLANS
from notifyd.store.rollups import ALL_SALONS, fold_all
from notifyd.store.table import Table, TableUnusable, inspect
from notifyd.store.watch import NOT_MIGRATED

TIME_LIMIT = 3_600.0
"""Seconds."""

MOST_SHOWN = 50
"""Differences that are told one by one, the largest; there are as many as somebody likes to make."""

ADOPTION_LOCK = 0x6E6F_7469_6679_63

LOCK = "select pg_advisory_xact_lock($1)"
"""One adoption at a time, for each adopts what it finds."""

# Jobs are joined by their ids as they are: to hash those of ten million rows would take longer than all the rest.
_RECOUNT = """
with partial as materialized (
    select job_id::{id_type} as id from notifyd.deliveries where state in ('sent', 'failed', 'suppressed')
    group by job_id having {partial}
), finished as materialized (
    select {finished_hour} as hour, coalesce(j.salon_id::text, '') as salon_id, {type} as type, case
        when (j.status || '') = 'completed' and partial.id is not null then 'partial' else (j.status || '')
    end as outcome, count(*) as n
    from {table} j left join partial on partial.id = j.id
    where (j.status || '') in ('completed', 'failed', 'cancelled')
        and ((j.status || '') <> 'cancelled' or j.processed_at is not null) -- else not taken note of yet
    group by 1, 2, 3, 4
), found as (
    select hour, notifyd.job_key(salon_id) as salon_key, type, 'job' as channel, outcome, n from finished
    union all
    select hour, salon_key, type, channel, part.outcome, part.n from (
        select date_trunc('hour', settled_at, 'UTC') as hour, salon_key, type, channel, state, count(*) as times,
            sum(segments) as segments
        from notifyd.deliveries group by 1, 2, 3, 4, 5
    ) d, {parts} where part.n > 0
), different as materialized (
    select hour, salon_key, type, channel, outcome, sum(found)::bigint as found, sum(counted)::bigint as counted from (
        select hour, salon_key, type, channel, outcome, n as found, 0 as counted from found
        union all
        select hour, salon_key, type, channel, outcome, 0, n - purged from notifyd.counts
    ) each group by hour, salon_key, type, channel, outcome having sum(found) <> sum(counted)
), torn as materialized (
    select salon_key, hour, channel, outcome, sum(n)::bigint as n, sum(purged)::bigint as purged from (
        select coalesce(salon_key, '{all_salons}') as salon_key,
            coalesce(hour, '-infinity') as hour, channel, outcome, sum(n) as n, sum(purged) as purged
        from notifyd.rollups
        where salon_key <> '{all_salons}' and hour <> '-infinity' and type <> ''
        group by channel, outcome, grouping sets ((salon_key, hour), (salon_key), (hour), ())
        union all
        select salon_key, hour, channel, outcome, -n, -purged from notifyd.rollups where type = ''
    ) each group by salon_key, hour, channel, outcome having sum(n) <> 0 or sum(purged) <> 0
)""".replace("{all_salons}", ALL_SALONS)

VERIFY = """{recount}, salons as (
    select notifyd.job_key(salon_id) as salon_key, left(min(salon_id), 64) as salon from finished group by 1
), totals as (
    select channel, outcome, count(*) as places, sum(greatest(found - counted, 0)) as more,
        sum(greatest(counted - found, 0)) as fewer
    from different group by channel, outcome
), largest as (
    select different.*, coalesce(salon, salon_key::text) as salon from different left join salons using (salon_key)
    order by abs(found - counted) desc, hour, salon_key, type, channel, outcome limit $1
)
select now() as as_of, (select count(*) from torn) as torn,
    array(select row(channel, outcome, places::bigint, more::bigint, fewer::bigint) from totals order by 1) as totals,
    array(select row(salon, hour, type, channel, outcome, found, counted) from largest) as largest
""".replace("{recount}", _RECOUNT)

ADOPT = """{recount}, tallied as (
    insert into notifyd.tallies (counts)
    select array_agg(row(hour, salon_key, type, channel, outcome, found - counted, 0)::notifyd.tally)
    from (select different.*, (row_number() over (order by hour, salon_key) - 1) / 500 as chunk from different) pieces
    group by chunk
), mended as (
    insert into notifyd.rollups as r (salon_key, hour, type, channel, outcome, n, purged)
    select salon_key, hour, '', channel, outcome, n, purged from torn
    order by salon_key, hour, channel, outcome
    on conflict (salon_key, hour, type, channel, outcome) do update
        set n = r.n + excluded.n, purged = r.purged + excluded.purged
)
select count(*) from different
""".replace("{recount}", _RECOUNT)


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows that are there, and were not counted, or the other way round.

    Attributes:
        salon: The salon's id, at most 64 characters of it; its key where no finished row of it is left.
        hour: In which they ended, in UTC.
        type: As it is counted.
        channel: `job`, `email` or `sms`.
        outcome: What they came to.
        found: Rows that are there (SMS segments, of `segments`).
        counted: What was counted, and not deleted by retention.
    """

    salon: str
    hour: datetime
    type: str
    channel: str
    outcome: str
    found: int
    counted: int

    @property
    def why(self) -> str:
        """What explains it, in words."""
        return explain(self.channel, more=self.found > self.counted)

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        named = {name: getattr(self, name) for name in self.__slots__}
        return {**named, "hour": self.hour.isoformat(), "why": self.why}


@dataclass(frozen=True, slots=True)
class Total:
    """All differences of one outcome.

    Attributes:
        places: Salons, hours and types in which there is one.
        more: By how much there are more rows than were counted.
        fewer: By how much there are fewer, elsewhere.
    """

    channel: str
    outcome: str
    places: int
    more: int
    fewer: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What a recount came to.

    Attributes:
        as_of: The database's clock at the snapshot, in UTC.
        totals: By channel and outcome; empty where all agrees.
        largest: At most `MOST_SHOWN` differences.
        torn: How many totals in `notifyd.rollups` are not the sum of their hours: it was changed by others.
    """

    as_of: datetime
    totals: tuple[Total, ...]
    largest: tuple[Difference, ...]
    torn: int

    @property
    def clean(self) -> bool:
        """Whether everything agrees."""
        return not self.totals and not self.torn


def explain(channel: str, *, more: bool) -> str:
    """Say how there can be more rows than were counted, or fewer."""
    match channel == "job", more:
        case True, True:
            return "finished by others: by hand, by another worker, or restored from a backup"
        case True, False:
            return "deleted, set back or changed by others after they had finished"
        case _, True:
            return "written into the ledger by others: by hand, or restored from a backup"
        case _:
            return "taken out of the ledger, or changed in it, by others"


async def verify(dsn: str, table: str, *, adopt: bool = False) -> Verified:
    """Recount.

    Args:
        dsn: A direct connection; as the daemon's role or as the table's owner.
        table: `schema.table` or `table`, unquoted.
        adopt: Count the differences, as if notifyd had made them; the next recount is clean.

    Returns:
        What was found, before anything was adopted.

    Raises:
        DatabaseUnavailable: It cannot be reached, or was lost.
        TableUnusable: A table, a column or a right is missing.
    """
    try:
        connection = await connect(dsn, server_settings=FREE_PLANS, statement_cache_size=0)
        try:
            looked_up = await inspect(connection, table)
            row = await connection.fetchrow(looked_up.bind(VERIFY), MOST_SHOWN, timeout=TIME_LIMIT)
            if adopt:
                await adopt_all(connection, looked_up)
        finally:
            await connection.close(timeout=5)
    except AWAY as error:
        raise DatabaseUnavailable.because(error) from error
    except NOT_MIGRATED as error:
        raise TableUnusable(f"{error}; run `notifyd migrate`, and the GRANTs that it prints") from error
    assert row is not None  # an aggregate
    return Verified(
        as_of=row["as_of"].astimezone(UTC),
        totals=tuple(Total(*each) for each in row["totals"]),
        largest=tuple(Difference(salon, hour.astimezone(UTC), *rest) for salon, hour, *rest in row["largest"]),
        torn=row["torn"],
    )


async def adopt_all(connection: asyncpg.Connection, table: Table) -> None:
    """Count whatever differs, as if notifyd had made it. One at a time; safe to repeat."""
    async with connection.transaction():
        await connection.execute(LOCK, ADOPTION_LOCK, timeout=TIME_LIMIT)
        await connection.execute(table.bind(ADOPT), timeout=TIME_LIMIT)
    await fold_all(connection)
