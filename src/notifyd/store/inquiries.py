"""What a provider said about a message in doubt, written into the ledger: it has it, or it surely does not.

May only touch a delivery that is in doubt, of a job whose lease is held, and never a message that is under way. One of
the provider's ids proves one delivery: an id that another delivery has is no proof, and of two inquiries that take the
same id at the same moment one finds nothing and asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import asyncpg

from notifyd.model.job import Channel, Job
from notifyd.store.pool import Store

PROVE = """
with asked as materialized (
    select d.job_key, d.channel, d.recipient, d.fingerprint, d.state, d.provider_id, d.salon_key, d.type, d.segments,
        d.settled_at
    from notifyd.leases l join notifyd.deliveries d using (job_key)
    where l.job_key = $1 and l.lease_id = $2 and d.channel = $3 and d.lease_id <> l.lease_id
        and d.state in ('intended', 'unknown', 'sent', 'retrying')
    for key share of l
), mine as materialized (
    select * from asked where state in ('intended', 'unknown')
), before as materialized ( -- what an earlier try of this very statement wrote, whose answer did not reach us
    select * from asked where state in ('sent', 'retrying')
), twins as materialized ( -- the same text to the same recipient: their messages could be taken for this one
    select d.state, d.provider_id from asked join notifyd.deliveries d using (recipient, fingerprint, channel)
    where d.job_key <> asked.job_key
), free as materialized (
    select min(place) as place, count(*) as ids from unnest($4::text[]) with ordinality as listed(id, place)
    where not exists (select from twins where twins.provider_id = listed.id)
), found as (
    update notifyd.deliveries d
    set state = 'sent', provider_id = ($4::text[])[free.place], proof = ($4::text[])[free.place], reason = null,
        settled_at = now()
    from mine, free
    where d.job_key = mine.job_key and d.channel = mine.channel and d.state = mine.state and free.ids > 0
        and not exists (select from twins where state = 'intended')
    returning d.*
), absent as (
    update notifyd.deliveries d set state = 'retrying', reason = $6, settled_at = now()
    from mine, free
    where d.job_key = mine.job_key and d.channel = mine.channel and d.state = mine.state and free.ids = 0 and $5
    returning d.*
), changes as (
    select date_trunc('hour', settled_at, 'UTC') as hour, salon_key, type, channel, part.outcome, -part.n as n,
        0 as purged
    from (select *, 1 as times from mine where exists (select from found) or exists (select from absent)) d, {parts}
    where part.n > 0
    union all
    select date_trunc('hour', now(), 'UTC'), salon_key, type, channel, part.outcome, part.n, 0
    from (select *, 1 as times from found) d, {parts} where part.n > 0
), {tally}
select exists (select from asked) as held,
    coalesce((select provider_id from found), (select provider_id from before where state = 'sent')) as provider_id,
    exists (select from absent) or exists (select from before where state = 'retrying') as absent,
    (select ids from free) - (select count(*) from twins where state = 'unknown') as copies
"""


class Undecided(Enum):
    """Why nothing was written."""

    LEASE_LOST = auto()
    """The lease is gone, or the delivery is in doubt no more."""
    NOT_YET = auto()
    """Not in the list, which may lag; or another message with the same text is under way."""
    CONTESTED = auto()
    """Another delivery was proved by the same id at the same moment."""


@dataclass(frozen=True, slots=True)
class Found:
    """The message was accepted; the ledger says `sent`.

    Attributes:
        copies: How many messages the provider has that no delivery but this one can account for; one is as it should
            be.
    """

    provider_id: str
    copies: int


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider does not have it; the ledger says `retrying`.

    Attributes:
        reason: What the ledger says.
    """

    reason: str


Answer = Found | Absent | Undecided


async def prove(store: Store, job: Job, channel: Channel, listed: Sequence[str], *, grace_passed: bool) -> Answer:
    """Write down what the provider's list means for a delivery in doubt.

    The list must have been asked for under the lease that the job is held by: whoever sent one of its messages had
    committed an intent before, so that this statement sees it. Safe to repeat.

    Args:
        store: The database.
        job: A claimed job.
        channel: Which of its messages.
        listed: The provider's ids of all messages that may be the one, oldest first.
        grace_passed: Whether the list, when it was asked for, had had time to show the message.
    """
    reason = "the provider does not have it"
    try:
        row = await store.fetchrow(PROVE, job.key, job.lease_id, channel.value, listed, grace_passed, reason)
    except asyncpg.UniqueViolationError:
        return Undecided.CONTESTED
    if not row["held"]:
        return Undecided.LEASE_LOST
    if row["provider_id"] is not None:
        return Found(row["provider_id"], row["copies"])
    return Absent(reason) if row["absent"] else Undecided.NOT_YET
