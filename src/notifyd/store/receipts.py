"""What was heard of messages after the provider took them, written into the ledger: forward only, many at once.

A receipt needs no lease: it is the provider's word, not an attempt's. It changes what the attempt in flight writes only
where that is in doubt: a message that somebody has heard of was accepted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from notifyd.model.receipt import Receipt, ReceiptState
from notifyd.store.pool import Store

RECEIVE = """
with told as materialized (
    select * from unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::interval[],
        $9::int[], $10::text[], $11::bigint[]
    ) with ordinality as told(
        job_key, channel, receipt, code, provider_id, reason, suppress, delay, most_resends, recipient, lease_id, place)
), known as materialized (
    select told.*, d.job_id, d.sender, d.resends, d.recipient as address, d.state as was,
        coalesce(array_position($12, told.receipt) <= array_position($12, d.receipt), false)
            or exists ( -- one id proves one delivery: an inquiry has proved another one of the same text by it
                select from notifyd.deliveries other
                where other.proof = told.provider_id and other.job_key <> told.job_key
            ) as heard
    from told join notifyd.deliveries d using (job_key, channel)
    where d.state in ('intended', 'unknown', 'retrying', 'sent')
        and (told.recipient is null or told.recipient = d.recipient)
        and (told.lease_id is null or told.lease_id = d.lease_id)
        and (told.provider_id is null or told.provider_id = coalesce(d.provider_id, told.provider_id))
    for no key update of d
), mine as materialized (
    select known.*, coalesce(receipt = 'undelivered' and resends < most_resends, false) as again
    from known where not heard
), completed as materialized ( -- as it is now that it is locked, which it may not have been when we looked
    select mine.*, j.id, {finished_hour} as hour, {salon_key} as salon_key, {type} as type
    from mine join {table} j on j.id = mine.job_id::{id_type}
    where mine.again and coalesce(j.status, '') = 'completed'
    for no key update of j skip locked
), resent as (
    update {table} j
    set status = 'scheduled', processed_at = null, updated_at = {updated_now},
        attempts = least(attempts, greatest(max_attempts - 1, 0)),
        error = left(mine.channel || ': not delivered, sent again: ' || mine.reason, 500)
    from completed mine where j.id = mine.id
    returning mine.job_key, mine.channel, mine.job_id, mine.delay, mine.reason, mine.hour, mine.salon_key, mine.type
), due as (
    insert into notifyd.schedule (job_key, job_id, due_at, reason)
    select distinct on (job_key) job_key, job_id, now() + delay, reason from resent
    on conflict (job_key) do nothing
), applied as (
    update notifyd.deliveries d
    set receipt = mine.receipt, receipt_code = mine.code, receipt_at = now(),
        provider_id = coalesce(d.provider_id, mine.provider_id),
        proof = case when d.state in ('unknown', 'retrying') then mine.provider_id else d.proof end,
        state = case when d.state in ('unknown', 'retrying') then 'sent' else d.state end,
        reason = coalesce(mine.reason, case when d.state = 'sent' then d.reason end)
    from mine
    where d.job_key = mine.job_key and d.channel = mine.channel
        and not exists (select from resent where resent.job_key = mine.job_key and resent.channel = mine.channel)
    returning d.*, mine.place, mine.was
), reopened as (
    update notifyd.deliveries d
    set state = 'retrying', reason = mine.reason, provider_id = null, proof = null, lease_id = 0,
        resends = d.resends + 1, receipt = null, receipt_code = null, receipt_at = null
    from mine join resent using (job_key, channel)
    where d.job_key = mine.job_key and d.channel = mine.channel
    returning d.*, mine.place, mine.was
), noted as (
    update {table} j set error = left(concat_ws('; ', j.error, mine.channel || ': not delivered: ' || mine.reason), 500)
    from mine
    where mine.receipt = 'undelivered' and j.id = mine.job_id::{id_type} and coalesce(j.status, '') = 'completed'
        and {free} and not exists (select from resent where resent.job_key = mine.job_key)
), suppressed as (
    insert into notifyd.suppressions (channel, sender, recipient, reason, job_id)
    select distinct on (channel, sender, address) channel, sender, address, reason, job_id
    from mine where suppress and address is not null and sender is not null
    on conflict do nothing
), steps as (
    select d.salon_key, type, channel, segments, settled_at, step.state, step.sign, 1 as times
    from (select * from applied union all select * from reopened) d,
        lateral (values (was, -1), (d.state, 1)) as step(state, sign)
    where was <> d.state
), changes as (
    select hour, salon_key, type, 'job' as channel, case when (
        select {partial} from notifyd.deliveries d where d.job_key = resent.job_key
    ) then 'partial' else 'completed' end as outcome, -1 as n, 0 as purged
    from resent
    union all
    select date_trunc('hour', settled_at, 'UTC'), salon_key, type, channel, part.outcome, part.n * sign, 0
    from steps, {parts} where part.n > 0
), {tally}
select place, 'applied' as result, job_id from applied
union all select place, 'resent', job_id from reopened
union all select place, 'known', job_id from known where heard
"""


class Received(StrEnum):
    """What became of a receipt."""

    APPLIED = "applied"
    """The ledger says so now."""
    RESENT = "resent"
    """The message did not arrive, and is sent once more."""
    KNOWN = "known"
    """Heard before, or it says less than what was heard before, or its message counts for another delivery."""
    STRAY = "stray"
    """The ledger has no such message: the job is gone, or the receipt is about another send or recipient."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one receipt.

    Attributes:
        job_id: The job that it is about; None where the ledger has no such message.
    """

    result: Received
    job_id: str | None = None


async def receive(store: Store, receipts: Sequence[Receipt]) -> list[Heard]:
    """Write receipts down. Safe to repeat.

    Returns:
        For each, in order, what became of it.
    """
    found = [Heard(Received.STRAY)] * len(receipts)
    for wave in _waves(receipts):
        results = await _written(store, [receipts[place] for place in wave])
        for place, heard in zip(wave, results, strict=True):
            found[place] = heard
    return found


def _waves(receipts: Sequence[Receipt]) -> Iterable[list[int]]:
    """Part receipts so that no statement has two about one job, and that those about one stay in order."""
    rest = list(range(len(receipts)))
    while rest:
        wave = {receipts[place].key: place for place in reversed(rest)}
        yield sorted(wave.values())
        rest = [place for place in rest if place not in set(wave.values())]


async def _written(store: Store, receipts: Sequence[Receipt]) -> list[Heard]:
    try:
        return await _write(store, receipts)
    except asyncpg.UniqueViolationError:  # an inquiry took the same id as its proof at the same moment: now it shows
        return await _write(store, receipts)


async def _write(store: Store, receipts: Sequence[Receipt]) -> list[Heard]:
    rows = await store.fetch(
        RECEIVE,
        [receipt.key for receipt in receipts],
        [receipt.channel.value for receipt in receipts],
        [receipt.state.value for receipt in receipts],
        [receipt.code for receipt in receipts],
        [receipt.provider_id for receipt in receipts],
        [receipt.reason for receipt in receipts],
        [receipt.suppress for receipt in receipts],
        [receipt.delay for receipt in receipts],
        [receipt.resends for receipt in receipts],
        [None if receipt.recipient is None else receipt.recipient.lower() for receipt in receipts],
        [receipt.lease_id for receipt in receipts],
        [state.value for state in ReceiptState],
    )
    found = {row["place"]: Heard(Received(row["result"]), row["job_id"]) for row in rows}
    return [found.get(place, Heard(Received.STRAY)) for place in range(1, len(receipts) + 1)]
