"""Both providers' stand-ins with their mishaps, all into one inbox; and the settings that lead the daemon there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from notifyd.demo.inbox import Inbox
from notifyd.demo.letterbox import Letterbox, offset
from notifyd.demo.mail_sink import MailSink
from notifyd.demo.mishaps import Mishaps
from notifyd.demo.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn

_SENDER = "visits@notifyd.example.com"
_NUMBER = "+15005550006"  # https://www.twilio.com/docs/iam/test-credentials: the sender that is always accepted


@dataclass(frozen=True, slots=True)
class Sinks:
    """The open stand-ins.

    Attributes:
        inbox: Where everything that they accept goes.
        mishaps: Their scripts.
        settings: What the daemon needs to reach them; keys as in the environment, without the prefix.
    """

    inbox: Inbox
    mishaps: Mishaps
    settings: dict[str, str]


@asynccontextmanager
async def open_sinks(inbox: Inbox, mishaps: Mishaps, pool: asyncpg.Pool) -> AsyncIterator[Sinks]:
    """Listen while the block runs."""
    letterbox = Letterbox(inbox, await offset(pool))
    async with (
        MailSink(script=mishaps.mail_script, on_mail=letterbox.mail, keep=1) as mail,
        TwilioStandIn(script=mishaps.sms_script, on_message=letterbox.sms, keep=1) as twilio,
    ):
        yield Sinks(inbox, mishaps, _settings(mail, twilio))


def _settings(mail: MailSink, twilio: TwilioStandIn) -> dict[str, str]:
    return {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail.port),
        "SMTP_TLS": "none",
        "SMTP_FROM": _SENDER,
        "TWILIO_BASE_URL": twilio.base_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_FROM": _NUMBER,
        "RETRY_BASE": "1",
        "RETRY_MAX": "10",
        "GRACE": "10",
        "LOG_FORMAT": "console",
    }
