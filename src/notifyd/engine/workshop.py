"""What every attempt needs, in one place; made once, in `daemon.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from notifyd.engine.channels import Outlets
from notifyd.engine.leases import Leases
from notifyd.engine.wake import Wake
from notifyd.model.job import Channel, Job
from notifyd.model.message import Message
from notifyd.model.payload import Booking
from notifyd.model.retry import RetryPolicy
from notifyd.model.unknown import UnknownRules
from notifyd.store.batch import Batch
from notifyd.store.deliveries import Grant, Intent
from notifyd.store.pool import Store
from notifyd.store.record import Record, Settled
from notifyd.vitals import Vitals


class Render(Protocol):
    """Turns a job into the message of one channel; raises Fault."""

    def __call__(self, job: Job, booking: Booking, channel: Channel) -> Message:
        """Render one message."""
        ...


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every attempt needs; made once, in `daemon.py`.

    Attributes:
        store: For the rare statement that is not worth a batch.
        templates: Returns the channels that a type has templates for; none for an unknown type.
        chance: Returns a random number in [0, 1): jitter.
        rules: What is done about unknown outcomes.
        recheck: Rung when a job was deferred or a channel came back: due times have changed.
    """

    store: Store
    intents: Batch[Intent, Grant]
    records: Batch[Record, Settled | None]
    leases: Leases
    outlets: Outlets
    render: Render
    templates: Callable[[str], frozenset[Channel]]
    policy: RetryPolicy
    chance: Callable[[], float]
    rules: UnknownRules
    phone_region: str | None
    recheck: Wake
    vitals: Vitals
