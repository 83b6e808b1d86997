"""What is heard of a message after the provider took it: a status callback, or a bounce.

Pure values. A receipt is a stranger's word until its bearer has proved who he is; that is the business of whoever reads
it. A reason is of our own words: it never holds an address, a number or a message.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from notifyd.model.job import Channel, LeaseId


class ReceiptState(StrEnum):
    """How far the message has come. The ledger goes forward only: a later word that says less changes nothing."""

    ACCEPTED = "accepted"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"

    @property
    def rank(self) -> int:
        """How much it says: that a message has arrived outweighs an earlier word that it would not."""
        return list(ReceiptState).index(self)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One word about one message.

    Attributes:
        key: The job's key: 32 hexadecimal digits.
        channel: Which of its messages.
        state: How far it has come.
        code: The provider's code or the enhanced status code, where it did not arrive.
        provider_id: The provider's name for the message; None for e-mail.
        reason: Why it did not arrive.
        loud: Whether an operator should look at it: the sender or the content is at fault.
        suppress: Whether the recipient must not be contacted again.
        retry_after: In how many seconds to send once more; None: not at all.
        resends: How many times at the most.
        recipient: Where given, the ledger's recipient must be the same, or the receipt is not believed.
        lease_id: Where given, the send that it is about: the one under this lease.
    """

    key: str
    channel: Channel
    state: ReceiptState
    code: str | None = None
    provider_id: str | None = None
    reason: str | None = None
    loud: bool = False
    suppress: bool = False
    retry_after: float | None = None
    resends: int = 0
    recipient: str | None = None
    lease_id: LeaseId | None = None

    @property
    def delay(self) -> timedelta | None:
        """`retry_after` as the database takes it."""
        return None if self.retry_after is None else timedelta(seconds=self.retry_after)


class Forged(Exception):  # noqa: N818 - a finding about a stranger
    """The bearer of a callback could not prove that he is the provider."""
