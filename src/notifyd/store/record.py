"""The ledger's second half and the end of an attempt: outcomes and verdicts, those of many attempts in one statement.

Every write proves that it may: an outcome by the intent of the same lease, a verdict by taking the lease row away. A
writer that lost its lease changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from notifyd.model.job import Channel, DeliveryState, Job, LeaseId, State
from notifyd.model.outcome import Outcome, Paused, Permanent, Retryable, Sent, Suppress, Unknown
from notifyd.model.verdict import Bury, Cancel, Defer, Done, Hold, Verdict
from notifyd.store.pool import Store

LONGEST_ERROR = 500
"""Characters of the `error` column: a summary for people."""


@dataclass(frozen=True, slots=True)
class SendRecord:
    """What one send came to.

    Attributes:
        sender: Who we send as on this channel.
        recipient: The address or number; stored only where the outcome is `Suppress`.
    """

    job: Job
    channel: Channel
    outcome: Outcome
    sender: str
    recipient: str


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """What becomes of one job."""

    job: Job
    verdict: Verdict


Record = SendRecord | VerdictRecord


@dataclass(frozen=True, slots=True)
class Settled:
    """What a verdict found.

    Attributes:
        lease_held: Whether the lease was still ours; if not, nothing was written.
        row_found: Whether the row was still `processing`; if not, the booking system has cancelled or deleted it.
        row_locked: Whether somebody else's transaction holds the row: nothing was written, the lease is still ours, and
            the verdict can be recorded again in a moment.
    """

    lease_held: bool
    row_found: bool
    row_locked: bool = False


RECORD = """
with sends as (
    select * from unnest(
        $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]
    ) as sends(job_key, lease_id, channel, state, provider_id, reason, sender, recipient)
), recorded as (
    update notifyd.deliveries d
    set state = sends.state, provider_id = sends.provider_id, reason = sends.reason, settled_at = now()
    from sends
    where d.job_key = sends.job_key and d.channel = sends.channel
        and d.lease_id = sends.lease_id and d.state = 'intended'
    returning d.job_key, d.channel, sends.sender, sends.recipient, d.reason, d.job_id, d.state, d.salon_key, d.type,
        d.segments
), suppressed as (
    insert into notifyd.suppressions (channel, sender, recipient, reason, job_id)
    select distinct on (channel, sender, recipient) channel, sender, recipient, reason, job_id
    from recorded where state = 'suppressed'
    on conflict do nothing
), verdicts as (
    select * from unnest(
        $9::uuid[], $10::bigint[], $11::text[], $12::text[], $13::interval[], $14::boolean[], $15::text[]
    ) as verdicts(job_key, lease_id, status, error, delay, spent, waits_for)
), held as materialized (
    select mine.*, {free} as free
    from (select verdicts.*, l.job_id from verdicts join notifyd.leases l using (job_key, lease_id)) mine
    order by mine.lease_id
), ended as (
    delete from notifyd.leases l using held
    where l.job_key = held.job_key and l.lease_id = held.lease_id and held.free
    returning held.*
), settled as (
    update {table} j
    set status = ended.status, error = ended.error, updated_at = {updated_now},
        attempts = case when ended.spent then attempts else greatest(attempts - 1, 0) end,
        processed_at = case when ended.status in ('completed', 'failed', 'cancelled') then {processed_now} end
    from ended
    where j.id = ended.job_id::{id_type} and coalesce(j.status, '') = 'processing'
    returning ended.*, j.processed_at, j.salon_id, j.type
), scheduled as (
    insert into notifyd.schedule (job_key, job_id, due_at, waits_for, reason)
    select job_key, job_id, now() + delay, waits_for, error
    from settled where status = 'scheduled'
    on conflict (job_key) do update
        set due_at = excluded.due_at, waits_for = excluded.waits_for, reason = excluded.reason
), changes as ( -- one by one: to put alike ones together here costs more than to leave it to the fold
    select {ended_hour} as hour, {salon_key} as salon_key, {type} as type, 'job' as channel,
        case when status = 'completed' and error is not null and (
            -- the ledger with what this statement writes; a job without a remark has given nothing up
            select {partial} from (
                select d.state from notifyd.deliveries d where d.job_key = j.job_key
                union all
                select recorded.state from recorded where recorded.job_key = j.job_key
            ) known
        ) then 'partial' else status end as outcome, 1 as n, 0 as purged
    from settled j where status in ('completed', 'failed', 'cancelled')
    union all
    select date_trunc('hour', now(), 'UTC'), salon_key, type, channel, state, 1, 0
    from recorded where state <> 'retrying'
    union all
    select date_trunc('hour', now(), 'UTC'), salon_key, type, channel, 'segments', segments, 0
    from recorded where state = 'sent' and segments > 0
), {tally}
select array(select lease_id from held) as held, array(select lease_id from settled) as settled,
    array(select lease_id from held where not free) as locked
"""


async def record(store: Store, records: Sequence[Record]) -> list[Settled | None]:
    """Write the outcomes and verdicts of many attempts in one statement. Safe to repeat.

    Returns:
        For each record, in order: None for a send, what was found for a verdict.
    """
    sends = [item for item in records if isinstance(item, SendRecord)]
    verdicts = [item for item in records if isinstance(item, VerdictRecord)]
    row = await store.fetchrow(RECORD, *_send_columns(sends), *_verdict_columns(verdicts))
    held, settled, locked = (set(row[name]) for name in ("held", "settled", "locked"))

    def found(lease_id: LeaseId) -> Settled:
        return Settled(lease_id in held, lease_id in settled, lease_id in locked)

    return [found(item.job.lease_id) if isinstance(item, VerdictRecord) else None for item in records]


def _send_columns(sends: Sequence[SendRecord]) -> list[list[object]]:
    states = [_state(send.outcome) for send in sends]
    return [
        [send.job.key for send in sends],
        [send.job.lease_id for send in sends],
        [send.channel.value for send in sends],
        [state.value for state, _, _ in states],
        [provider_id for _, provider_id, _ in states],
        [_printable(reason) for _, _, reason in states],
        [send.sender for send in sends],
        [send.recipient.lower() for send in sends],
    ]


def _state(outcome: Outcome) -> tuple[DeliveryState, str | None, str | None]:
    match outcome:
        case Sent(provider_id):
            return DeliveryState.SENT, _printable(provider_id), None
        case Retryable(reason) | Paused(reason):
            return DeliveryState.RETRYING, None, reason
        case Permanent(reason):
            return DeliveryState.FAILED, None, reason
        case Suppress(reason):
            return DeliveryState.SUPPRESSED, None, reason
        case Unknown(reason):
            return DeliveryState.UNKNOWN, None, reason
        case _:
            assert_never(outcome)


def _verdict_columns(verdicts: Sequence[VerdictRecord]) -> list[list[object]]:
    rows = [_columns(item.verdict) for item in verdicts]
    return [
        [item.job.key for item in verdicts],
        [item.job.lease_id for item in verdicts],
        [state.value for state, *_ in rows],
        [_printable(error) for _, error, *_ in rows],
        [delay for _, _, delay, _, _ in rows],
        [spent for _, _, _, spent, _ in rows],
        [waits_for for *_, waits_for in rows],
    ]


def _columns(verdict: Verdict) -> tuple[State, str | None, timedelta, bool, str | None]:
    now = timedelta()
    match verdict:
        case Done(note, spent):
            return State.COMPLETED, note, now, spent, None
        case Bury(reason, spent):
            return State.FAILED, reason, now, spent, None
        case Cancel(reason):
            return State.CANCELLED, reason, now, True, None
        case Hold(reason, spent):
            return State.HELD, reason, now, spent, None
        case Defer(delay, spent, reason, None) if delay <= now:
            return State.PENDING, reason, now, spent, None
        case Defer(delay, spent, reason, waits_for):
            return State.SCHEDULED, reason, delay, spent, waits_for
        case _:
            assert_never(verdict)


def _printable(text: str | None) -> str | None:
    """Make a text fit for PostgreSQL and for people: no NUL, no lone surrogate, no line break, of bounded length."""
    if text is None or (len(text) <= LONGEST_ERROR and text.isprintable()):
        return text
    return "".join(c if c.isprintable() else "?" for c in text[:LONGEST_ERROR])
