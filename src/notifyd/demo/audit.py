"""Compares what the ledger says was sent with what the sinks accepted: each sent delivery, one message; no other.

`compare` is pure. `read_ledger` reads the daemon's rows as anybody might, and changes nothing.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from notifyd.model.job import Channel


class Fault(StrEnum):
    """How a message and the ledger disagree."""

    LOST = "recorded as sent, but no sink has it"
    DOUBLED = "accepted more than once"
    UNKNOWN = "accepted by a sink, but not recorded as sent"


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery that the ledger has as sent.

    Attributes:
        mark: What its message is known by: the job's key for e-mail, the provider's id for SMS.
    """

    job_id: str
    channel: Channel
    mark: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One disagreement; `job_id` is None where the ledger has no job for the message."""

    fault: Fault
    channel: Channel
    mark: str
    job_id: str | None


def compare(ledger: Collection[Delivered], emails: Collection[str], texts: Collection[str]) -> tuple[Mismatch, ...]:
    """Match messages with the ledger.

    Args:
        ledger: The deliveries recorded as sent while the sinks were listening.
        emails: The job key of each accepted e-mail, from its Message-ID.
        texts: The SID of each accepted SMS.

    Returns:
        Every disagreement; nothing where all is well.
    """
    accepted = Counter([(Channel.EMAIL, key) for key in emails] + [(Channel.SMS, sid) for sid in texts])
    recorded = {(delivery.channel, delivery.mark): delivery.job_id for delivery in ledger}
    return tuple(
        Mismatch(fault, channel, mark, recorded.get((channel, mark)))
        for channel, mark in sorted(accepted.keys() | recorded.keys())
        if (fault := _fault(accepted[channel, mark], (channel, mark) in recorded))
    )


def _fault(accepted: int, recorded: bool) -> Fault | None:
    if not recorded:
        return Fault.UNKNOWN
    if accepted == 0:
        return Fault.LOST
    return Fault.DOUBLED if accepted > 1 else None


_SENT = """
select job_id, channel,
    case channel when 'email' then replace(job_key::text, '-', '') else coalesce(provider_id, '') end as mark
from notifyd.deliveries
where state = 'sent' and settled_at >= $1
"""


async def read_ledger(pool: asyncpg.Pool, since: datetime) -> list[Delivered]:
    """Return the deliveries that were recorded as sent from a moment of the database's clock on."""
    rows = await pool.fetch(_SENT, since)
    return [Delivered(row["job_id"], Channel(row["channel"]), row["mark"]) for row in rows]
