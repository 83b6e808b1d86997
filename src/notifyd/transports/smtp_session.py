"""One open connection to a mail server: it is opened as configured, carries one message at a time, and knows the phase.

aiosmtplib speaks the protocol, command by command, since its `sendmail` hides the phase (and costs twice the CPU).
After anything but a complete reply the two ends no longer agree on what comes next: the owner must `abort` it then.
"""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal

import aiosmtplib
import anyio

from notifyd.transports.mime import Letter
from notifyd.transports.smtp_codes import Phase

_POSITIVE, _INTERMEDIATE = 2, 3  # the first digit of a reply, RFC 5321, 4.2.1
_NEGATIVE = {4, 5}
_CLOSING = 421  # RFC 5321, 3.8: the server closes after it
_FAREWELL = 1.0  # seconds that a mail server gets to answer QUIT


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    """How to reach the mail server.

    Attributes:
        host: Its name; with TLS the certificate must be valid for it.
        tls: `starttls` demands the upgrade, `tls` encrypts from the first byte, `none` does neither.
        username: For AUTH; None means no AUTH.
        sender: The plain address that all mail is from.
        connections: The most connections open at once.
        timeout: Seconds for each step of connecting and each command.
        final_timeout: Seconds for the reply to the final dot. RFC 5321, 4.5.3.2.6 asks for ten minutes: a server that
            is slow here has often accepted already, so a short limit makes duplicates.
    """

    host: str
    port: int
    tls: Literal["starttls", "tls", "none"]
    username: str | None
    password: str | None = field(repr=False)
    sender: str
    connections: int
    timeout: float
    final_timeout: float = 120.0


class SmtpSession:
    """An open connection, ready for MAIL.

    Attributes:
        phase: How far the message at hand has come.
        opened: When it was opened, by `time.monotonic()`.
        used: When it last carried a message.
        carried: How many messages it has carried.
    """

    def __init__(self, client: aiosmtplib.SMTP, final_timeout: float) -> None:
        self._client = client
        self._final_timeout = final_timeout
        self._takes_size = client.supports_extension("size")
        self._takes_utf8 = client.supports_extension("smtputf8")
        self.phase = Phase.MAIL
        self.opened = self.used = monotonic()
        self.carried = 0

    @classmethod
    async def open(cls, config: SmtpConfig, tls_context: ssl.SSLContext | None) -> "SmtpSession":
        """Connect, encrypt, and say who we are.

        Raises:
            Exception: of aiosmtplib or the socket, for `classify(..., Phase.CONNECT)`; nothing is left open.
        """
        client = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port,
            timeout=config.timeout,
            use_tls=config.tls == "tls",
            start_tls=False,  # asked for below, where its absence is an error of a name
            tls_context=tls_context,
            local_hostname=_own_name(),
        )
        try:
            await client.connect()
            await client.ehlo()
            if config.tls == "starttls":
                await _upgrade(client)
            if config.username is not None:
                await _log_in(client, config.username, config.password or "")
        except BaseException:
            _abort(client)
            raise
        return cls(client, config.final_timeout)

    @property
    def is_open(self) -> bool:
        """Whether neither end has closed it, as far as is known."""
        return self._client.is_connected

    async def deliver(self, letter: Letter) -> str:
        """Hand one message over.

        Returns:
            The text of the server's yes.

        Raises:
            aiosmtplib.SMTPResponseException: for a complete reply that says no.
            Exception: of aiosmtplib or the socket otherwise. `phase` says how far it had come.
        """
        self.phase = Phase.MAIL
        await self._command(b"MAIL FROM:<", letter.sender, b">" + self._parameters(letter))
        self.phase = Phase.RCPT
        await self._command(b"RCPT TO:<", letter.to, b">")
        self.phase = Phase.DATA
        _check(await self._client.execute_command(b"DATA"), _INTERMEDIATE)
        reply = await self._hand_over(letter.data)
        self.carried += 1
        self.used = monotonic()
        return reply.message

    async def reset(self) -> None:
        """Forget the message at hand, after a complete reply that said no."""
        _check(await self._client.execute_command(b"RSET"), _POSITIVE)

    async def close(self) -> None:
        """Say goodbye, within a second; what comes of it changes nothing."""
        with suppress(aiosmtplib.SMTPException, OSError), anyio.move_on_after(_FAREWELL):
            await self._client.quit()
        _abort(self._client)

    def abort(self) -> None:
        """Close at once."""
        _abort(self._client)

    async def _command(self, verb: bytes, address: str, rest: bytes) -> None:
        _check(await self._client.execute_command(verb + address.encode() + rest), _POSITIVE)

    def _parameters(self, letter: Letter) -> bytes:
        size = b" SIZE=%d" % len(letter.data) if self._takes_size else b""  # RFC 1870: too big is known before DATA
        if not letter.utf8:
            return size
        if not self._takes_utf8:
            raise aiosmtplib.SMTPNotSupported("SMTPUTF8")
        return size + b" SMTPUTF8 BODY=8BITMIME"

    async def _hand_over(self, data: bytes) -> aiosmtplib.SMTPResponse:
        """Write the message dot-stuffed (RFC 5321, 4.5.2) and wait for the server to take responsibility."""
        if (protocol := self._client.protocol) is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        self.phase = Phase.DOT
        protocol.write(data.replace(b"\r\n.", b"\r\n..") + b".\r\n")  # no header of ours begins with a dot
        return _check(await protocol.read_response(self._final_timeout), _POSITIVE)


def is_hang_up(exc: Exception) -> bool:
    """Tell whether the other end is gone: with 421, without a word, or without our noticing until now."""
    if isinstance(exc, aiosmtplib.SMTPResponseException):
        return exc.code == _CLOSING
    return isinstance(exc, ConnectionError | TimeoutError)


def is_refusal(exc: aiosmtplib.SMTPResponseException) -> bool:
    """Tell whether it is a complete reply that says no, after which the conversation can go on."""
    return exc.code // 100 in _NEGATIVE and exc.code != _CLOSING


async def _upgrade(client: aiosmtplib.SMTP) -> None:
    if not client.supports_extension("starttls"):
        raise aiosmtplib.SMTPNotSupported("STARTTLS")
    await client.starttls()
    await client.ehlo()


async def _log_in(client: aiosmtplib.SMTP, username: str, password: str) -> None:
    if not client.supports_extension("auth"):
        raise aiosmtplib.SMTPNotSupported("AUTH")
    await client.login(username, password)


def _check(reply: aiosmtplib.SMTPResponse, wanted: int) -> aiosmtplib.SMTPResponse:
    if reply.code // 100 != wanted:
        raise aiosmtplib.SMTPResponseException(reply.code, reply.message)
    return reply


def _abort(client: aiosmtplib.SMTP) -> None:
    """Close without flushing: what is still in the buffer must not be sent any more."""
    transport: Any = client.transport
    if transport is not None:
        transport.abort()
    client.close()


def _own_name() -> str:
    """Return what EHLO says: a full name, or an address literal (RFC 5321, 4.1.4); `getfqdn` could block on DNS."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() and not name.endswith(".") else "[127.0.0.1]"
