"""Reads how things stand: one statement, one snapshot, one round trip. Never writes.

Counts come from the database, never from memory, so every daemon and every restart tells the same. What is going on is
counted from rows, by our partial indexes; what has come to an end from the rollups and from what is not folded yet, so
that ten million finished rows cost what ten thousand do, and what retention has deleted stays counted.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from notifyd.model.job import Channel, DeliveryState, State
from notifyd.model.series import HOURLY, Series, assemble
from notifyd.model.stats import ChannelStats, Stats
from notifyd.store.pool import Store
from notifyd.store.rollups import ALL_SALONS

READ_LIMIT = 4.0
"""Seconds; a million jobs that wait take about one, on an idle machine, and finished ones nothing."""

# The pieces that differ between all salons together, one, and several, each by itself.
_ALL = {
    "{asked}": "",
    "{plan}": "notifyd.schedule s where {wanted}",
    "{wanted}": "$1::text is null",
    "{salon}": "",
    "{by_salon}": "",
    "{and_salon}": "",
    "{whose}": "",
    "{waiting}": "waiting",
    "{rollups}": f"notifyd.rollups where salon_key = '{ALL_SALONS}'::uuid",
    "{tallies}": "notifyd.tallies, unnest(tallies.counts) where $1::text is null",
}
_ONE = _ALL | {
    "{plan}": "notifyd.schedule s join {table} j on j.id = s.job_id::{id_type} where {wanted}",
    "{wanted}": "j.salon_id::text = $1",
    "{rollups}": "notifyd.rollups where salon_key = notifyd.job_key($1)",
    "{tallies}": "notifyd.tallies, unnest(tallies.counts) where salon_key = notifyd.job_key($1)",
}
_SALON = 'j.salon_id::text collate "C"'  # rows may be sorted by it: in the order that costs least
_EACH = _ONE | {
    "{asked}": "asked as materialized (select salon, notifyd.job_key(salon) as key from unnest($1::text[]) salon), ",
    "{wanted}": '(j.salon_id::text collate "C" in (select salon from asked)) is true',
    "{salon}": f", {_SALON} as salon",
    "{by_salon}": f"group by {_SALON}",
    "{and_salon}": f", {_SALON}",
    "{whose}": ", salon",
    "{waiting}": "asked left join waiting using (salon)",  # so that each has a row
    "{rollups}": "asked join notifyd.rollups on salon_key = key where true",
    "{tallies}": "asked, notifyd.tallies, unnest(tallies.counts) where salon_key = key",
}

# Strangers' timestamps may be infinite, BC, or local time: of the two that a row has, one in the future says nothing,
# the later of the rest counts, and none is older than a century, because infinities cannot be subtracted.
# Each state is asked for in two ways, of which the first has an index to itself: so the planner never expects so many
# rows that reading a whole table, or a full index of the booking system's, looks cheaper.
# Of `is true` the planner makes no join: whether a row's salon was asked for is looked up in a hash, whatever is
# expected, so that a hundred salons are counted in one pass over what waits.
# A row that is cancelled and has not ended was cancelled by the booking system, and is counted from the table until
# upkeep has taken note of it (store/cancelled.py).
_COUNT = """
with {asked}step as (
    select case when now() - $2::timestamptz <= interval '{hourly}' then 'hour' else 'day' end as step
), waiting as materialized (
    select count(*) as jobs, extract(epoch from max(least(
        case when {created_at} <= now() then now() - greatest({created_at}, now() - interval '100 years') end,
        case when j.updated_at <= {updated_now}
            then {updated_now} - greatest(j.updated_at, {updated_now} - interval '100 years') end))) as due{salon}
    from {table} j where (j.status || '') = 'pending' and ('' || j.status) = 'pending' and {wanted} {by_salon}
), fresh as materialized (
    select hour, channel, outcome, n{whose} from {tallies}
)
select now() as as_of, part, name, start, figure::float8{whose} from (
    select 'live' as part, 'pending' as name, null::timestamptz as start, jobs as figure{whose} from {waiting}
    union all
    select 'live', (j.status || ''), null, count(*){salon} from {table} j
    where (j.status || '') in ('processing', 'scheduled', 'held')
        and ('' || j.status) in ('processing', 'scheduled', 'held') and {wanted} group by 2{and_salon}
    union all
    select 'live', 'cancelled', null, count(*){salon} from {table} j
    where (j.status || '') = 'cancelled' and processed_at is null and ('' || j.status) = 'cancelled' and {wanted}
    {by_salon}
    union all
    select 'live', '', null, count(*){salon} from {table} j where {unknown_status} and {wanted} {by_salon}
    union all
    select 'due', '', null, due{whose} from waiting
    union all
    select 'due', '', null, extract(epoch from now() - min(s.due_at)){salon}
    from {plan} and s.waits_for is null and s.due_at <= now() {by_salon}
    union all
    select unnest(string_to_array(s.waits_for, ',')), 'paused', null, count(*){salon}
    from {plan} and s.waits_for is not null group by 1{and_salon}
    union all
    select channel, outcome, null, sum(n){whose} from (
        select channel, outcome, n{whose} from {rollups} and hour = '-infinity' and type = ''
        union all
        select channel, outcome, n{whose} from fresh
    ) ever group by channel, outcome{whose}
    union all
    select channel, outcome, date_trunc(step, hour, 'UTC'), sum(n){whose} from step, (
        select hour, channel, outcome, n{whose} from {rollups} and $2::timestamptz is not null and type = ''
            and hour >= date_trunc('day', greatest($2, now() - interval '402 days'), 'UTC')
        union all
        select hour, channel, outcome, n{whose} from fresh where hour >= date_trunc('day', $2, 'UTC')
    ) lately where outcome <> 'unknown' group by channel, outcome, 3{whose}
) counts
"""


def _fill(pieces: Mapping[str, str]) -> str:
    sql = _COUNT.replace("{hourly}", f"{HOURLY // timedelta(hours=1)} hours")
    for placeholder, piece in pieces.items():
        sql = sql.replace(placeholder, piece)
    return sql


COUNT_ALL = _fill(_ALL)
COUNT_SALON = _fill(_ONE)


async def read(
    store: Store,
    salon_id: str | None = None,
    since: datetime | None = None,
    timeout: float = READ_LIMIT,  # noqa: ASYNC109 - asyncpg's
) -> Stats:
    """Take one snapshot.

    Args:
        store: The database.
        salon_id: Only this salon's jobs; a salon without jobs has zeros. Free of NUL, which PostgreSQL refuses.
        since: With a series that begins then; with a zone.
        timeout: Seconds.

    Raises:
        notifyd.store.pool.DatabaseUnavailable: No answer in time.
        notifyd.model.series.SeriesRefused: `since` lies in the future, or too far back.
    """
    rows = await store.fetch(COUNT_ALL if salon_id is None else COUNT_SALON, salon_id, since, timeout=timeout)
    return _snapshot(rows, since)


COUNT_SALONS = _fill(_EACH)


async def read_salons(store: Store, salons: Sequence[str]) -> dict[str, Stats]:
    """Take one snapshot of several salons, each by itself.

    Args:
        store: The database.
        salons: None twice; free of NUL.

    Raises:
        notifyd.store.pool.DatabaseUnavailable: No answer in time.
    """
    found: dict[str, list[asyncpg.Record]] = {salon: [] for salon in salons}
    for row in await store.fetch(COUNT_SALONS, salons, None, timeout=READ_LIMIT):
        found[row["salon"]].append(row)
    return {salon: _snapshot(rows, None) for salon, rows in found.items()}


def _snapshot(rows: Sequence[asyncpg.Record], since: datetime | None) -> Stats:
    figures: defaultdict[tuple[str, str], float] = defaultdict(float)
    for row in rows:
        if row["start"] is None:  # "due" comes twice
            place = row["part"], row["name"]
            figures[place] = max(figures[place], row["figure"] or 0.0)
    as_of = rows[0]["as_of"].astimezone(UTC)
    if since is None:
        return _assemble(as_of, figures, None)
    found = {
        (row["start"].astimezone(UTC), row["part"], row["name"]): int(row["figure"]) for row in rows if row["start"]
    }
    return _assemble(as_of, figures, assemble(found, since, as_of))


def _assemble(as_of: datetime, figures: Mapping[tuple[str, str], float], series: Series | None) -> Stats:
    jobs = {state.value: int(figures["live", state] + figures["job", state]) for state in State}
    partial = int(figures["job", "partial"])
    jobs[State.COMPLETED] += partial
    return Stats(
        as_of=as_of,
        jobs=jobs,
        unknown_status=int(figures["live", ""]),
        partial=partial,
        oldest_due_s=round(figures["due", ""], 3),
        channels={
            channel.value: ChannelStats(
                sent=int(figures[channel, DeliveryState.SENT]),
                failed=int(figures[channel, DeliveryState.FAILED]),
                suppressed=int(figures[channel, DeliveryState.SUPPRESSED]),
                unknown=int(figures[channel, DeliveryState.UNKNOWN]),
                paused=int(figures[channel, "paused"]),
            )
            for channel in Channel
        },
        series=series,
    )
