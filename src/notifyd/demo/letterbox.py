"""Puts what the sinks accept into the inbox: reads a mail's parts, and turns monotonic seconds into the database's."""

import re
from email.message import EmailMessage
from time import monotonic

import asyncpg

from notifyd.demo.inbox import Inbox
from notifyd.demo.mail_sink import ReceivedMail
from notifyd.demo.twilio_words import ReceivedSms
from notifyd.model.job import Channel

_KEY = re.compile(r"<([0-9a-f]{32})\.email@")
_PREVIEW = 140  # characters


async def offset(pool: asyncpg.Pool) -> float:
    """Return what to add to `time.monotonic()` to have seconds of the database's clock."""
    before = monotonic()
    now: float = await pool.fetchval("select extract(epoch from clock_timestamp())::float8")
    return now - (before + monotonic()) / 2


class Letterbox:
    """Takes messages from the sinks.

    Attributes:
        inbox: Where they go.
    """

    def __init__(self, inbox: Inbox, clock_offset: float) -> None:
        self.inbox = inbox
        self._offset = clock_offset

    def mail(self, received: ReceivedMail) -> None:
        """Take in an e-mail. One without a Message-ID of notifyd's is marked by whatever Message-ID it has."""
        message = received.message
        found = _KEY.match(received.message_id)
        content = {
            "from": str(message["From"] or received.envelope_from),
            "to": str(message["To"] or ", ".join(received.envelope_to)),
            "subject": str(message["Subject"] or "(no subject)"),
            "preview": " ".join(_part(message, "plain").split())[:_PREVIEW],
        }
        mark = found[1] if found else received.message_id
        self.inbox.receive(Channel.EMAIL, mark, received.arrived + self._offset, content, _part(message, "html"))

    def sms(self, received: ReceivedSms) -> None:
        """Take in an SMS."""
        content = {"to": received.to, "from": received.sender, "body": received.body}
        self.inbox.receive(Channel.SMS, received.sid, received.arrived + self._offset, content)


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""
