"""A transport that accepts everything and forgets it: for measuring, and for trying a set-up out."""

from notifyd.model.message import Message
from notifyd.model.outcome import Sent


class NullTransport:
    """Says yes to every message.

    Attributes:
        sender: Nobody.
    """

    sender = ""

    async def send(self, message: Message) -> Sent:
        """Accept the message; the receipt is made of its job and channel."""
        return Sent(f"null:{message.key}.{message.channel}")

    async def prove(self) -> str:
        """There is nothing to reach."""
        return "null: messages are accepted and thrown away"
