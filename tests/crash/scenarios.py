"""The scenarios: what the world is like before anything breaks, and what the customer may expect of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from crash.events import Event, Point, Side
from notifyd.demo.mail_sink import Action as MailAction
from notifyd.demo.mail_sink import Drop
from notifyd.demo.twilio_stand_in import Action as SmsAction
from notifyd.demo.twilio_stand_in import Attempt, Refuse, Reset

MailScript = Callable[[str, str, int], MailAction | None]
SmsScript = Callable[[Attempt], SmsAction | None]


class Expected(Enum):
    """What a customer may expect on one channel."""

    ARRIVES = auto()
    PERHAPS = auto()
    """Where the booking was called off: it may have been on its way already."""
    NEVER = auto()


SMS_FIRST = {"smtp:greeting#1 reply": "after sql:record#1 reply"}
EMAIL_FIRST = {
    "smtp:greeting#1 reply": "before http:POST#1 command",
    "http:POST#1 command": "after sql:record#1 reply",
}
"""Which event waits for which moment, so that the two channels take the same turns in every run."""

CHANNELS = ("email", "sms")

BOTH_ARRIVE = {"email": Expected.ARRIVES, "sms": Expected.ARRIVES}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario.

    Attributes:
        name: What it is called in docs/guarantees.md.
        expected: By channel.
        columns: Of the row, beside the usual ones.
        extra: Keys of the payload, beside the usual ones.
        mail: How the mail server misbehaves.
        sms: How Twilio misbehaves.
        suppressed: Whether the e-mail address is on the list of those who must not be contacted.
        cancelled_at: The event at which the booking system cancels the row.
        crashed_at: The point at which an earlier daemon was killed: the scenario begins with its leases run out.
        order: `SMS_FIRST` or `EMAIL_FIRST`.
    """

    name: str
    expected: Mapping[str, Expected] = field(default_factory=lambda: BOTH_ARRIVE)
    columns: Mapping[str, Any] = field(default_factory=lambda: {"max_attempts": 5})
    extra: Mapping[str, Any] = field(default_factory=dict)
    mail: MailScript | None = None
    sms: SmsScript | None = None
    suppressed: bool = False
    cancelled_at: str | None = None
    crashed_at: Point | None = None
    order: Mapping[str, str] = field(default_factory=lambda: SMS_FIRST)


def _at(command: str, answer: MailAction, first: int = 10**9) -> MailScript:
    """Answer one command in this way, the first so many times."""
    return lambda said, _argument, count: answer if said == command and count <= first else None


SCENARIOS = (
    Scenario("both fine"),
    Scenario(
        "SMS fails",
        {"email": Expected.ARRIVES, "sms": Expected.NEVER},
        sms=lambda _attempt: Refuse(400, 21612, "The 'To' number is not currently reachable via SMS."),
        order=EMAIL_FIRST,
    ),
    Scenario(
        "e-mail fails",
        {"email": Expected.NEVER, "sms": Expected.ARRIVES},
        mail=_at("rcpt", "550 5.7.1 not from you"),
    ),
    Scenario("retry", mail=_at("rcpt", "450 4.2.0 not now", first=1)),
    Scenario(
        "unknown",
        mail=_at("dot", Drop(accept=True), first=1),
        sms=lambda attempt: Reset(accept=True) if attempt.count == 1 else None,
    ),
    Scenario("SMS lost", sms=lambda attempt: Reset() if attempt.count == 1 else None),
    Scenario("after a crash", crashed_at=Point(Event("http:POST", 1, "reply"), Side.BEFORE), order={}),
    Scenario("last attempt", columns={"max_attempts": 1}, order=EMAIL_FIRST),
    Scenario(
        "suppressed",
        {"email": Expected.NEVER, "sms": Expected.NEVER},
        sms=lambda _attempt: Refuse(400, 21610, "Attempt to send to unsubscribed recipient."),
        suppressed=True,
        order={},
    ),
    Scenario(
        "expired",
        {"email": Expected.NEVER, "sms": Expected.NEVER},
        extra={"expiresAt": "2001-01-01T00:00:00Z"},
    ),
    Scenario(
        "cancelled meanwhile",
        {"email": Expected.PERHAPS, "sms": Expected.PERHAPS},
        cancelled_at="sql:intend#1 command",
        order=EMAIL_FIRST,
    ),
)
