"""Which signal from a mail server means what: one pure table, a row per kind of reply, the first that fits wins.

Codes are RFC 5321's, enhanced codes RFC 3463's and IANA's registry of them. The enhanced code wins in detail, never in
class: the first digit of the reply says alone whether it may work later. The server's own words reach no reason, as
they may hold an address. What can go wrong: nothing, every error ends in a `Failure`.
"""

import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from aiosmtplib import SMTPNotSupported, SMTPResponseException

from notifyd.model.outcome import Failure, Paused, Permanent, Retryable, Suppress, Unknown
from notifyd.model.smtp_status import WORDS

_A_MINUTE = 60.0  # grey-listing lets nobody in sooner; RFC 5321, 4.5.4.1 asks for more, and the backoff gives it
_AN_HOUR = 3600.0


class Phase(StrEnum):
    """How far a message had come; `DOT` from the moment that its last bytes were handed to the socket."""

    CONNECT = "connecting"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "the final dot"


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table.

    Attributes:
        signal: Matched against "<code> <enhanced code> <text>" from its beginning; the enhanced code may be missing.
        words: What the reason says unless `WORDS` has better.
        outcome: What it comes to, given the reason.
        phases: Where the row holds.
    """

    signal: str
    words: str
    outcome: Callable[[str], Failure]
    phases: frozenset[Phase] = frozenset(Phase)


def _retry_in_a_minute(reason: str) -> Failure:
    return Retryable(reason, retry_after=_A_MINUTE)


def _retry_in_an_hour(reason: str) -> Failure:
    return Retryable(reason, retry_after=_AN_HOUR)


def _refused_by_policy(reason: str) -> Failure:
    return Permanent(reason, suspicious=True)


def _not_understood(reason: str) -> Failure:
    return Permanent(reason, loud=True, suspicious=True)


def _misconfigured(reason: str) -> Failure:
    return Paused(reason, loud=True)


_BEFORE_MAIL = frozenset({Phase.CONNECT})
_SENDER = frozenset({Phase.MAIL})
_RECIPIENT = frozenset({Phase.RCPT, Phase.DATA, Phase.DOT})

_TABLE = (
    _Row(r"421|4\d\d 4\.3\.2|4\d\d 4\.7\.0 .*\btoo many\b", "mail server is busy", Paused),
    _Row(r"454|432|5", "mail server refuses our session", _misconfigured, _BEFORE_MAIL),
    _Row(r"4", "mail server is not ready", Paused, _BEFORE_MAIL),
    _Row(r"53[0458]|5\d\d 5\.7\.8", "mail server wants other credentials", _misconfigured),
    _Row(r"4", "refused for now", _retry_in_a_minute),
    _Row(r"5\d\d 5\.2\.2", "mailbox is full", _retry_in_an_hour, _RECIPIENT),
    _Row(r"5\d\d 5\.1\.(1|2|3|6|10)(?!\d)", "recipient does not exist", Suppress, _RECIPIENT),
    _Row(r"552|5\d\d 5\.3\.4|5\d\d 5\.6\.", "message is not acceptable", Permanent),
    _Row(r"50[0-4]|555", "mail server does not understand us", _not_understood),
    _Row(r"5", "sender refused", _refused_by_policy, _SENDER),
    _Row(r"5\d\d 5\.7\.|5\d\d 5\.1\.[78]|55[0134](?! 5\.)", "refused by policy", _refused_by_policy),
    _Row(r"5", "refused", Permanent),
)
_COMPILED = tuple((re.compile(row.signal, re.IGNORECASE | re.DOTALL), row) for row in _TABLE)

_CONNECTING: tuple[tuple[type[Exception], str, bool], ...] = (
    (ssl.SSLCertVerificationError, "has a certificate that could not be verified", True),
    (ssl.SSLError, "and we could not agree on TLS", False),
    (SMTPNotSupported, "does not offer ", True),
    (socket.gaierror, "has a name that could not be resolved", False),
    (TimeoutError, "did not answer in time", False),
    (ConnectionRefusedError, "refused the connection", False),
    (SMTPResponseException, "does not speak SMTP", False),
    (OSError, "could not be reached, or hung up on us", False),
    (Exception, "does not let us log in", True),
)
"""What went wrong before MAIL, when there was no reply that said no: kind, words, whether an operator must act."""

_REPLY = re.compile(r"(?:[245]\.(\d{1,3}\.\d{1,3})(?!\S))?\s*(.*)", re.DOTALL)


def classify(exc: Exception, phase: Phase) -> Failure:
    """Return what an error of aiosmtplib, of the socket or of TLS comes to.

    Args:
        exc: What was raised.
        phase: How far the message had come.

    Returns:
        Before the final dot surely not accepted, after it `Unknown` unless the server gave a complete reply. A server
        that cannot be talked to at all pauses the channel: no job's fault.
    """
    if isinstance(exc, SMTPResponseException) and exc.code // 100 in {4, 5}:
        return _of_reply(exc.code, exc.message, phase)
    match phase:
        case Phase.CONNECT:
            return _of_connecting(exc)
        case Phase.DOT:
            return Unknown(f"{_fault(exc)} after the final dot: it may have been accepted")
        case _ if isinstance(exc, SMTPNotSupported):
            return Permanent(f"the mail server does not offer {exc.message}, which the address needs")
        case _:
            return Retryable(f"{_fault(exc)} at {phase}", suspicious=True)


def _of_reply(code: int, text: str, phase: Phase) -> Failure:
    found = _REPLY.match(text)
    detail, words = (found[1], found[2]) if found else (None, text)
    status = str(code) if detail is None else f"{code} {code // 100}.{detail}"
    row = next(row for signal, row in _COMPILED if phase in row.phases and signal.match(f"{status} {words}"))
    return row.outcome(f"{status} {WORDS.get(detail or '', row.words)}")


def _of_connecting(exc: Exception) -> Failure:
    cause = exc.__cause__ if isinstance(exc.__cause__, OSError) else exc
    words, loud = next((words, loud) for kind, words, loud in _CONNECTING if isinstance(cause, kind))
    feature = cause.message if isinstance(cause, SMTPNotSupported) else ""
    return Paused(f"the mail server {words}{feature}", loud=loud)


def _fault(exc: Exception) -> str:
    match exc:
        case TimeoutError():
            return "time-out"
        case OSError():
            return "connection lost"
        case _:
            return "reply that is not SMTP"
