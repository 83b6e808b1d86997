"""The ledger's first half: the intent, committed before the first byte of a message leaves.

After a crash an intent without an outcome means that nobody knows, and everything else is surely unsent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from notifyd.model.job import Channel, Job
from notifyd.store.pool import Store
from notifyd.store.tally import LONGEST_TYPE, NO_TYPE, salon_key


@dataclass(frozen=True, slots=True)
class Intent:
    """One message about to be sent.

    Attributes:
        sender: Who we send as on this channel; with the recipient it is the scope of a suppression.
        recipient: The address or number.
        fingerprint: By what the text is recognised in the provider's list; None where no provider can be asked.
        segments: How many messages the provider charges for, of an SMS; else 0.
    """

    job: Job
    channel: Channel
    sender: str
    recipient: str
    fingerprint: str | None
    segments: int = 0


class Refused(Enum):
    """The only reason not to have an intent written: the lease is gone, or the channel is settled already."""

    LEASE_LOST = auto()


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The recipient is on the list of those who must not be contacted; the ledger says so now.

    Attributes:
        reason: Why, as the suppression has it.
    """

    reason: str


Grant = None | Refused | Suppressed
"""None: go ahead."""

INTEND = """
with asked as (
    select * from unnest(
        $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::text[],
        $10::integer[], $11::boolean[]
    ) as asked(job_key, lease_id, channel, job_id, sender, recipient, fingerprint, salon_key, type, segments, in_doubt)
), held as (
    select asked.* from asked join notifyd.leases using (job_key, lease_id) for key share of leases
), doubted as materialized (
    select d.* from held join notifyd.deliveries d using (job_key, channel) where in_doubt and d.state = 'unknown'
), judged as (
    select held.*, s.reason as suppressed from held left join notifyd.suppressions s using (channel, sender, recipient)
), written as (
    insert into notifyd.deliveries as d
        (job_key, channel, job_id, lease_id, sender, recipient, fingerprint, salon_key, type, segments, state, reason,
        settled_at)
    select job_key, channel, job_id, lease_id, sender, recipient, fingerprint, salon_key, type, segments,
        case when suppressed is null then 'intended' else 'suppressed' end, suppressed,
        case when suppressed is not null then now() end
    from judged
    on conflict (job_key, channel) do update
        set lease_id = excluded.lease_id, sender = excluded.sender, recipient = excluded.recipient,
            fingerprint = excluded.fingerprint, state = excluded.state, reason = excluded.reason, provider_id = null,
            salon_key = excluded.salon_key, type = excluded.type, segments = excluded.segments, intended_at = now(),
            settled_at = case when d.state = 'suppressed' then d.settled_at else excluded.settled_at end,
            receipt = null, receipt_code = null, receipt_at = null
        where d.state in ('intended', 'retrying', 'unknown')
            or (d.state = 'suppressed' and d.lease_id = excluded.lease_id) -- an earlier try, whose answer was lost
    returning d.job_key, d.lease_id, d.channel, d.reason as suppressed, d.salon_key, d.type, d.settled_at
), changes as (
    select date_trunc('hour', now(), 'UTC') as hour, salon_key, type, channel, 'suppressed' as outcome, 1 as n,
        0 as purged
    from written where settled_at = now()
    union all
    select date_trunc('hour', d.settled_at, 'UTC'), d.salon_key, d.type, channel, 'unknown', -1, 0
    from doubted d join written using (job_key, channel)
), {tally}
select lease_id, channel, suppressed from written
"""


async def intend(store: Store, intents: Sequence[Intent]) -> list[Grant]:
    """Commit the intents of many attempts in one statement, each only while its lease is held.

    The lease rows are locked against their end, though not against renewal, so that a rescue either sees the intent or
    has already ended the lease.
    Safe to repeat.

    Returns:
        For each intent, in order, whether to go ahead.
    """
    rows = await store.fetch(
        INTEND,
        [intent.job.key for intent in intents],
        [intent.job.lease_id for intent in intents],
        [intent.channel.value for intent in intents],
        [intent.job.id for intent in intents],
        [intent.sender for intent in intents],
        [intent.recipient.lower() for intent in intents],
        [intent.fingerprint for intent in intents],
        [salon_key(intent.job.salon_id) for intent in intents],
        [intent.job.type[:LONGEST_TYPE] or NO_TYPE for intent in intents],
        [intent.segments for intent in intents],
        [intent.channel in intent.job.deliveries for intent in intents],
    )
    grants: dict[tuple[int, str], Grant] = {
        (row["lease_id"], row["channel"]): None if row["suppressed"] is None else Suppressed(row["suppressed"])
        for row in rows
    }
    return [grants.get((intent.job.lease_id, intent.channel.value), Refused.LEASE_LOST) for intent in intents]
