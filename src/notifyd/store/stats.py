"""Reads how things stand: one statement, one snapshot, one round trip. Never writes.

Counts come from rows, never from memory, so every daemon and every restart tells the same. The statement reads whole
tables; it belongs on connections whose plans are the planner's (`FREE_PLANS`), under a short time limit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from notifyd.model.job import Channel, DeliveryState, State
from notifyd.store.pool import Store

PING_LIMIT = 1.5
"""Seconds; whoever asks wants to hear soon that there will be no answer."""

READ_LIMIT = 4.0
"""Seconds; a million finished jobs take about one, on an idle machine."""


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """One channel's messages.

    Attributes:
        sent: Messages that the provider took.
        failed: Messages given up.
        suppressed: Messages given up because the recipient must not be contacted again.
        unknown: Messages cut off after the provider may have accepted them.
        paused: Jobs that wait for this channel's provider.
    """

    sent: int
    failed: int
    suppressed: int
    unknown: int
    paused: int


@dataclass(frozen=True, slots=True)
class Stats:
    """One snapshot.

    Attributes:
        as_of: The database's clock at the snapshot, in UTC.
        jobs: How many jobs are in each state; every state is named, zeros too.
        unknown_status: Rows whose status is none of ours: they are never touched, only reported.
        partial: Completed jobs of which one channel was sent and another was given up.
        oldest_due_s: Seconds since the job that has waited longest could have been claimed; 0 when none waits. It
            counts pending jobs since they were last written, and scheduled ones since they fell due. The first rests
            on the writer's clock: a row that is dated in the future counts as new.
        channels: What became of the messages, by channel; every channel is named.
    """

    as_of: datetime
    jobs: Mapping[str, int]
    unknown_status: int
    partial: int
    oldest_due_s: float
    channels: Mapping[str, ChannelStats]

    def as_json(self) -> dict[str, Any]:
        """Return the snapshot as `/stats` and `notifyd stats --json` show it."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}


# The pieces that differ between all salons and one. Without a salon the ledger is counted alone: no join.
_ALL = {
    "{jobs_wanted}": "$2::text is null",
    "{ledger}": "notifyd.deliveries d where $2::text is null",
    "{plan}": "notifyd.schedule s where $2::text is null",
}
_ONE = {
    "{jobs_wanted}": "j.salon_id::text = $2",
    "{ledger}": "notifyd.deliveries d join {table} j on j.id = d.job_id::{id_type} where j.salon_id::text = $2",
    "{plan}": "notifyd.schedule s join {table} j on j.id = s.job_id::{id_type} where j.salon_id::text = $2",
}

# What is partial is looked up row by row, in subqueries that no planner turns into a join: few rows of the ledger are
# troubled, and a join planned before anybody has analysed the tables took seconds.
# Strangers' timestamps may be infinite, BC, or local time: of the two that a row has, one in the future says nothing,
# the later of the rest counts, and none is older than a century, because infinities cannot be subtracted.
_COUNT = """
select now() as as_of, part, name, figure from (
    select 'jobs' as part, case when j.status::text = any($1::text[]) then j.status::text else '' end as name,
        count(*)::float8 as figure
    from {table} j where {jobs_wanted} group by 2
    union all
    select 'partial', '', count(distinct lost.job_key) from notifyd.deliveries lost
    where lost.state in ('failed', 'suppressed')
        and (select true from notifyd.deliveries d where d.job_key = lost.job_key and d.state = 'sent' limit 1)
        and (select j.status::text = 'completed' and {jobs_wanted} from {table} j where j.id = lost.job_id::{id_type})
    union all
    select 'due', '', extract(epoch from max(least(
        case when {created_at} <= now() then now() - greatest({created_at}, now() - interval '100 years') end,
        case when j.updated_at <= {updated_now}
            then {updated_now} - greatest(j.updated_at, {updated_now} - interval '100 years') end)))
    from {table} j where (j.status || '') = 'pending' and {jobs_wanted}
    union all
    select 'due', '', extract(epoch from now() - min(s.due_at))
    from {plan} and s.waits_for is null and s.due_at <= now()
    union all
    select d.channel, d.state, count(*) from {ledger} group by 1, 2
    union all
    select unnest(string_to_array(s.waits_for, ',')), 'paused', count(*)
    from {plan} and s.waits_for is not null group by 1
) counts
"""


def _fill(pieces: Mapping[str, str]) -> str:
    sql = _COUNT
    for placeholder, piece in pieces.items():
        sql = sql.replace(placeholder, piece)
    return sql


COUNT_ALL = _fill(_ALL)
COUNT_SALON = _fill(_ONE)


async def read(store: Store, salon_id: str | None = None, timeout: float = READ_LIMIT) -> Stats:  # noqa: ASYNC109 - asyncpg's
    """Take one snapshot.

    Args:
        store: The database.
        salon_id: Only this salon's jobs; a salon without jobs has zeros. Free of NUL, which PostgreSQL refuses.
        timeout: Seconds.

    Raises:
        notifyd.store.pool.DatabaseUnavailable: No answer in time.
    """
    sql = COUNT_ALL if salon_id is None else COUNT_SALON
    rows = await store.fetch(sql, [state.value for state in State], salon_id, timeout=timeout)
    return _assemble(rows[0]["as_of"], ((row["part"], row["name"], row["figure"]) for row in rows))


def _assemble(as_of: datetime, rows: Iterable[tuple[str, str, float | None]]) -> Stats:
    figures: defaultdict[tuple[str, str], float] = defaultdict(float)
    for part, name, figure in rows:  # "due" comes twice
        figures[part, name] = max(figures[part, name], figure or 0.0)
    return Stats(
        as_of=as_of.astimezone(UTC),
        jobs={state.value: int(figures["jobs", state]) for state in State},
        unknown_status=int(figures["jobs", ""]),
        partial=int(figures["partial", ""]),
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
    )


PING = "select 1 as answer"


async def ping(store: Store, timeout: float = PING_LIMIT) -> None:  # noqa: ASYNC109 - asyncpg's
    """Ask the database for a sign of life.

    Raises:
        notifyd.store.pool.DatabaseUnavailable: No answer in time.
    """
    await store.fetchrow(PING, timeout=timeout)
