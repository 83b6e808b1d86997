"""A job as notifyd holds it: the booking system's row, our lease on it, and what its channels have come to.

Pure values. A `Job` is a snapshot taken at claim; the rows are the truth, and every write back is fenced by the lease.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

JobId = NewType("JobId", str)
LeaseId = NewType("LeaseId", int)


class Channel(StrEnum):
    """A way to reach a client."""

    EMAIL = "email"
    SMS = "sms"


class State(StrEnum):
    """The values of `notification_jobs.status`; who sets which is told in `docs/architecture.md`."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HELD = "held"


class DeliveryState(StrEnum):
    """What the ledger knows of one channel of one job.

    `intended` is written before the first byte leaves. A delivery that may be tried again keeps the state
    `retrying`; `unknown` means that the provider may have accepted the message and nobody can tell.
    """

    INTENDED = "intended"
    RETRYING = "retrying"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trace:
    """What a provider is asked for: by it a message is recognised in the provider's list.

    Attributes:
        recipient: Whom it went to.
        sender: Who it was from.
        fingerprint: What its text is recognised by, see `model.unknown.fingerprint`.
        age: How long before the claim the intent was written.
    """

    recipient: str
    sender: str
    fingerprint: str
    age: timedelta


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message that may or may not have left, as the ledger had it at the claim.

    Attributes:
        unknown_for: How long nobody has known.
        trace: What to ask the provider for; None where the ledger does not know.
    """

    unknown_for: timedelta
    trace: Trace | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One channel of one job, as the ledger has it.

    Attributes:
        doubt: Set where the outcome was unknown at the claim, whatever an inquiry has found since.
    """

    state: DeliveryState
    reason: str | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed row.

    Attributes:
        id: The row's primary key as text (it may be a native uuid in the table).
        key: 32 hexadecimal digits derived from `id`, of fixed length; the key of all tables of ours and the
            stable part of the e-mail's Message-ID.
        lease_id: The never reused id of the lease under which the job is held.
        type: The `type` column: which template.
        payload: The payload as JSON text, or None where it is larger than the daemon is willing to read.
        attempt: Which attempt this is, counted at claim; the first is 1.
        max_attempts: How many attempts the writer allows.
        now: The database's clock at the moment of the claim, with a zone.
        run_at: Not before this moment, from the table's own column, where it has one.
        expires_at: Not after this moment, from the table's own column, where it has one.
        deliveries: What earlier attempts came to, by channel.
    """

    id: JobId
    key: str
    lease_id: LeaseId
    salon_id: str
    client_id: str
    appointment_id: str | None
    type: str
    payload: str | None
    attempt: int
    max_attempts: int
    now: datetime
    run_at: datetime | None = None
    expires_at: datetime | None = None
    deliveries: Mapping[Channel, Delivery] = field(default_factory=dict)

    @property
    def exhausted(self) -> bool:
        """Whether the attempts were used up before this one began: nothing may be sent any more."""
        return self.attempt > self.max_attempts

    @property
    def is_last_attempt(self) -> bool:
        """Whether a failure that could be retried ends here."""
        return self.attempt >= self.max_attempts
