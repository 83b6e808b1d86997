"""The table of SMTP signals, row by row."""

import socket
import ssl

import pytest
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPConnectTimeoutError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPReadTimeoutError,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from hypothesis import given
from hypothesis import strategies as st

from notifyd.model.outcome import Failure, Paused, Permanent, Retryable, Suppress, Unknown
from notifyd.transports.smtp_codes import Phase, classify

REPLIES: list[tuple[Phase, str, Failure]] = [
    # busy: the channel waits, no attempt is spent
    (Phase.MAIL, "421 4.7.0 try again later", Paused("421 4.7.0 mail server is busy")),
    (Phase.RCPT, "421 bye", Paused("421 mail server is busy")),
    (Phase.DOT, "421 4.4.2 bye", Paused("421 4.4.2 bad connection")),
    (Phase.MAIL, "452 4.3.2 full", Paused("452 4.3.2 mail server is not accepting messages")),
    (Phase.RCPT, "450 4.7.0 Too many connections", Paused("450 4.7.0 mail server is busy")),
    # not yet
    (Phase.RCPT, "450 busy", Retryable("450 refused for now", retry_after=60)),
    (Phase.RCPT, "451 4.7.1 greylisted", Retryable("451 4.7.1 delivery is not authorised", retry_after=60)),
    (Phase.DOT, "452 no space", Retryable("452 refused for now", retry_after=60)),
    (Phase.RCPT, "450 4.2.1 slow down", Retryable("450 4.2.1 mailbox is not taking mail", retry_after=60)),
    (Phase.RCPT, "451 4.4.1 later", Retryable("451 4.4.1 no answer from the recipient's server", retry_after=60)),
    (Phase.RCPT, "450 4.1.1 unsure", Retryable("450 4.1.1 mailbox does not exist", retry_after=60)),
    # configuration: no job's fault
    (Phase.CONNECT, "454 4.7.0 later", Paused("454 4.7.0 mail server refuses our session", loud=True)),
    (Phase.MAIL, "530 5.7.0 login first", Paused("530 5.7.0 mail server wants other credentials", loud=True)),
    (Phase.CONNECT, "534 5.7.9 weak", Paused("534 5.7.9 mail server refuses our session", loud=True)),
    (Phase.CONNECT, "535 5.7.8 no", Paused("535 5.7.8 credentials are invalid", loud=True)),
    (Phase.MAIL, "538 encrypt", Paused("538 mail server wants other credentials", loud=True)),
    (Phase.MAIL, "550 5.7.8 no", Paused("550 5.7.8 credentials are invalid", loud=True)),
    (Phase.CONNECT, "554 go away", Paused("554 mail server refuses our session", loud=True)),
    (Phase.CONNECT, "450 later", Paused("450 mail server is not ready")),
    # nobody there
    (Phase.RCPT, "550 5.1.1 no such user", Suppress("550 5.1.1 mailbox does not exist")),
    (Phase.RCPT, "550 5.1.2 no such host", Suppress("550 5.1.2 domain does not exist")),
    (Phase.RCPT, "553 5.1.3 bad syntax", Suppress("553 5.1.3 address is malformed")),
    (Phase.RCPT, "551 5.1.6 moved", Suppress("551 5.1.6 mailbox has moved and left no address")),
    (Phase.RCPT, "556 5.1.10 null MX", Suppress("556 5.1.10 domain accepts no mail")),
    (Phase.DOT, "550 5.1.1 no such user", Suppress("550 5.1.1 mailbox does not exist")),
    (Phase.MAIL, "550 5.1.1 who", Permanent("550 5.1.1 mailbox does not exist", suspicious=True)),
    # full
    (Phase.RCPT, "552 5.2.2 over quota", Retryable("552 5.2.2 mailbox is full", retry_after=3600)),
    (Phase.DOT, "550 4.2.2 over quota", Retryable("550 5.2.2 mailbox is full", retry_after=3600)),
    # the message
    (Phase.MAIL, "552 5.3.4 too big", Permanent("552 5.3.4 message is too big")),
    (Phase.DOT, "552 too big", Permanent("552 message is not acceptable")),
    (Phase.DOT, "554 5.6.0 bad MIME", Permanent("554 5.6.0 message is not acceptable")),
    (Phase.DOT, "554 5.3.4 too big", Permanent("554 5.3.4 message is too big")),
    # policy, sender
    (Phase.RCPT, "550 5.7.1 relaying denied", Permanent("550 5.7.1 delivery is not authorised", suspicious=True)),
    (Phase.DOT, "550 5.7.26 DMARC", Permanent("550 5.7.26 sender failed SPF and DKIM", suspicious=True)),
    (Phase.MAIL, "550 5.1.8 bad sender", Permanent("550 5.1.8 sender's domain does not exist", suspicious=True)),
    (Phase.DOT, "554 spam", Permanent("554 refused by policy", suspicious=True)),
    (Phase.RCPT, "550 no", Permanent("550 refused by policy", suspicious=True)),
    # not understood
    (Phase.MAIL, "500 what", Permanent("500 mail server does not understand us", loud=True, suspicious=True)),
    (Phase.RCPT, "501 5.5.4 what", Permanent("501 5.5.4 mail server does not understand us", True, True)),
    (Phase.DATA, "502 what", Permanent("502 mail server does not understand us", loud=True, suspicious=True)),
    (Phase.DATA, "503 what", Permanent("503 mail server does not understand us", loud=True, suspicious=True)),
    (Phase.MAIL, "504 what", Permanent("504 mail server does not understand us", loud=True, suspicious=True)),
    (Phase.MAIL, "555 SIZE?", Permanent("555 mail server does not understand us", loud=True, suspicious=True)),
    # the rest
    (Phase.RCPT, "550 5.2.1 disabled", Permanent("550 5.2.1 mailbox is not taking mail")),
    (Phase.DOT, "571 5.0.0 no", Permanent("571 5.0.0 refused")),
]

REFUSED = SMTPConnectError("Error connecting")
REFUSED.__cause__ = ConnectionRefusedError(111, "refused")
NO_NAME = SMTPConnectError("Error connecting")
NO_NAME.__cause__ = socket.gaierror(-2, "unknown")
TLS = SMTPConnectError("Error connecting")
TLS.__cause__ = ssl.SSLError(1, "wrong version number")

FAULTS: list[tuple[Phase, Exception, Failure]] = [
    (Phase.CONNECT, REFUSED, Paused("the mail server refused the connection")),
    (Phase.CONNECT, NO_NAME, Paused("the mail server has a name that could not be resolved")),
    (Phase.CONNECT, TLS, Paused("the mail server and we could not agree on TLS")),
    (
        Phase.CONNECT,
        ssl.SSLCertVerificationError(1, "self-signed"),
        Paused("the mail server has a certificate that could not be verified", loud=True),
    ),
    (Phase.CONNECT, SMTPConnectTimeoutError("greeting"), Paused("the mail server did not answer in time")),
    (Phase.CONNECT, SMTPReadTimeoutError("EHLO"), Paused("the mail server did not answer in time")),
    (Phase.CONNECT, SMTPServerDisconnected("x"), Paused("the mail server could not be reached, or hung up on us")),
    (Phase.CONNECT, SMTPConnectResponseError(421, "busy"), Paused("421 mail server is busy")),
    (Phase.CONNECT, SMTPConnectResponseError(250, "hm"), Paused("the mail server does not speak SMTP")),
    (Phase.CONNECT, SMTPHeloError(502, "no"), Paused("502 mail server refuses our session", loud=True)),
    (Phase.CONNECT, SMTPNotSupported("STARTTLS"), Paused("the mail server does not offer STARTTLS", loud=True)),
    (Phase.CONNECT, SMTPException("no method"), Paused("the mail server does not let us log in", loud=True)),
    (Phase.CONNECT, SMTPAuthenticationError(535, "no"), Paused("535 mail server refuses our session", loud=True)),
    (Phase.MAIL, SMTPServerDisconnected("x"), Retryable("connection lost at MAIL", suspicious=True)),
    (Phase.RCPT, SMTPReadTimeoutError("x"), Retryable("time-out at RCPT", suspicious=True)),
    (Phase.DATA, SMTPServerDisconnected("x"), Retryable("connection lost at DATA", suspicious=True)),
    (Phase.DATA, SMTPResponseException(250, "x"), Retryable("reply that is not SMTP at DATA", suspicious=True)),
    (
        Phase.MAIL,
        SMTPNotSupported("SMTPUTF8"),
        Permanent("the mail server does not offer SMTPUTF8, which the address needs"),
    ),
    (
        Phase.DOT,
        SMTPServerDisconnected("x"),
        Unknown("connection lost after the final dot: it may have been accepted"),
    ),
    (Phase.DOT, SMTPReadTimeoutError("x"), Unknown("time-out after the final dot: it may have been accepted")),
    (
        Phase.DOT,
        SMTPResponseException(-1, "x"),
        Unknown("reply that is not SMTP after the final dot: it may have been accepted"),
    ),
]


@pytest.mark.parametrize(
    ("phase", "reply", "expected"), REPLIES, ids=[f"{phase} {reply}" for phase, reply, _ in REPLIES]
)
def test_reply(phase: Phase, reply: str, expected: Failure) -> None:
    """Each kind of reply comes to what the design's table says, in our own words."""
    code, _, text = reply.partition(" ")
    assert expected == classify(SMTPResponseException(int(code), text), phase)


@pytest.mark.parametrize(
    ("phase", "fault", "expected"), FAULTS, ids=[f"{phase} {fault!r}" for phase, fault, _ in FAULTS]
)
def test_fault(phase: Phase, fault: Exception, expected: Failure) -> None:
    """Each way in which no reply came is certain before the final dot and unknown after it."""
    assert expected == classify(fault, phase)


@given(st.sampled_from(Phase), st.integers(400, 599), st.text())
def test_every_reply_is_classified(phase: Phase, code: int, text: str) -> None:
    """No code and no text is without an outcome, none says nothing, and none lets the server's text through."""
    outcome = classify(SMTPResponseException(code, f"{text} <ada@client.example>"), phase)
    assert outcome.reason.startswith(str(code))
    assert len(str(code)) + 1 < len(outcome.reason)
    assert "@" not in outcome.reason


@given(st.sampled_from([Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT]), st.integers(400, 499), st.text())
def test_four_stays_transient(phase: Phase, code: int, text: str) -> None:
    """Whatever the enhanced code says: a reply that begins with 4 is never the end of a job's channel."""
    assert isinstance(classify(SMTPResponseException(code, text), phase), Retryable | Paused)
