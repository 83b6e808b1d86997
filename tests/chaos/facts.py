"""What a run leaves behind for the judge: rows, ledger, the harness' history, and what the sinks accepted. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chaos.orders import Order
from notifyd.model.job import Channel

Key = tuple[str, Channel]
"""A delivery: a job's id and a channel."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the booking system's table says of a job."""

    status: str
    attempts: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history.

    Attributes:
        at: When, in seconds of the database's clock.
        what: `job`, or the channel of a delivery.
    """

    at: float
    job_id: str
    what: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that a sink accepted.

    Attributes:
        recipient: Address or number, of one job alone.
        mark: The Message-ID, or the SID.
        at: When, in seconds of the database's clock.
    """

    channel: Channel
    recipient: str
    mark: str
    at: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is to judge by, once everything stands still."""

    orders: Sequence[Order]
    rows: Mapping[str, Row]
    ledger: Mapping[Key, str]
    history: Sequence[Change]
    arrivals: Sequence[Arrival]
