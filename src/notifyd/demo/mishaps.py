"""What goes wrong at the demo's providers, and when: recipients that are always refused, and single bad moments."""

from itertools import cycle

from notifyd.demo.bookings import CLOSED_MAILBOX, LANDLINES
from notifyd.demo.mail_sink import Action as MailAction
from notifyd.demo.mail_sink import Drop
from notifyd.demo.twilio_words import Attempt, Refuse

Moment = tuple[str, MailAction]
"""At which SMTP command something happens, and what."""

HANGS_UP: Moment = ("data", Drop())
TURNS_AWAY: Moment = ("mail", "421 4.3.2 closed for a moment")
GREYLISTS: Moment = ("rcpt", "450 4.2.0 greylisted, come back in a minute")

_NO_SUCH_MAILBOX = "550 5.1.1 no such mailbox here"
_NOT_A_MOBILE = Refuse(400, 21614, "'To' number is not a valid mobile number")


class Mishaps:
    """The scripts of the mail sink and the Twilio stand-in."""

    def __init__(self, *moments: Moment) -> None:
        """Choose the mail server's bad moments; `mail_stumbles` goes through them in turn."""
        self._moments = cycle(moments)
        self._retry_after = cycle(("1", "2"))
        self._mail: list[Moment] = []
        self._sms: list[Refuse] = []

    def mail_stumbles(self) -> None:
        """Let the mail server have its next bad moment, once, at the next command that it belongs to."""
        self._mail.append(next(self._moments))

    def sms_busy(self) -> None:
        """Let the SMS provider answer its next request with 429, naming a second or two."""
        self._sms.append(Refuse(429, 20429, "Too Many Requests", next(self._retry_after)))

    def mail_script(self, command: str, argument: str, _count: int) -> MailAction | None:
        """Decide what the mail sink does with a command."""
        if command == "rcpt" and CLOSED_MAILBOX.partition("@")[0] in argument:
            return _NO_SUCH_MAILBOX
        due = next((moment for moment in self._mail if moment[0] == command), None)
        if due is None:
            return None
        self._mail.remove(due)
        return due[1]

    def sms_script(self, attempt: Attempt) -> Refuse | None:
        """Decide what the Twilio stand-in does with a request."""
        if attempt.to.startswith(LANDLINES):
            return _NOT_A_MOBILE
        return self._sms.pop(0) if self._sms else None
