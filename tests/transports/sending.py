"""What the tests of the transports share: a message of each kind, transports for a stand-in, and sends as values."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from notifyd.demo.mail_sink import MailSink
from notifyd.demo.twilio_stand_in import TwilioStandIn
from notifyd.model.job import JobId, LeaseId
from notifyd.model.message import Email, Message, Sms, Transport
from notifyd.model.outcome import Outcome, SendError, Sent
from notifyd.transports.smtp import SmtpConfig, SmtpTransport
from notifyd.transports.twilio import TwilioConfig, TwilioTransport

SENDER = "no-reply@salons.example"
KEY = "0123456789abcdef" * 2

EMAIL = Email(
    job_id=JobId("job-1"),
    key=KEY,
    to="ada@client.example",
    to_name="Ada Lovelace",
    from_name="Salon Rosa",
    reply_to="hello@rosa.example",
    subject="Your appointment",
    text="See you on Friday.\n",
    html="<p>See you on Friday.</p>\n",
    date=datetime(2026, 11, 24, 14, 30, tzinfo=UTC),
)
SMS = Sms(job_id=JobId("job-1"), key=KEY, lease_id=LeaseId(7), to="+4915112345678", body="See you on Friday.")


def email(**changes: Any) -> Email:
    """Return an e-mail that differs from `EMAIL` in this."""
    return replace(EMAIL, **changes)


def smtp(sink: MailSink, **changes: Any) -> SmtpTransport:
    """Return a transport for the sink, without encryption and with short time-outs unless asked otherwise."""
    config = SmtpConfig(
        host="127.0.0.1",
        port=sink.port,
        tls="none",
        username=None,
        password=None,
        sender=SENDER,
        connections=2,
        timeout=5,
        final_timeout=5,
    )
    return SmtpTransport(replace(config, **changes))


def twilio(stand_in: TwilioStandIn, **changes: Any) -> TwilioTransport:
    """Return a transport for the stand-in."""
    config = TwilioConfig(
        account_sid=stand_in.account_sid,
        auth_token=stand_in.auth_token,
        sender="+15005550006",
        base_url=stand_in.base_url,
        timeout=5,
        connections=4,
    )
    return TwilioTransport(replace(config, **changes))


async def outcome(transport: Transport, message: Message) -> Outcome:
    """Send, and return what it came to as a value."""
    try:
        return Sent((await transport.send(message)).provider_id)
    except SendError as error:
        return error.outcome
