"""One SMTP conversation of the demo's mail sink: aiosmtpd's protocol with a script in front of every command.

It knows the sink by three methods alone. What goes wrong is what the script says.
"""

import asyncio
import json
import re
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property, partial
from typing import Any, Literal, Protocol

import anyio
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

_PATH = re.compile(r"<([^<>\s\"@]+@[^<>\s\"@]+)>(.*)", re.DOTALL)
_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*(<[^<>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
_END_OF_DATA = b"\r\n.\r\n"
_LONGEST_LINE = 998  # RFC 5322, 2.1.1, without the CRLF


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection without an answer.

    Attributes:
        accept: At the final dot only: keep the mail before, as a server does whose "250" got lost.
    """

    accept: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """Say nothing for a while, then go on as if nothing had been.

    Attributes:
        seconds: How long; None means until the client goes.
    """

    seconds: float | None = None


Action = str | Drop | Stall
"""What to do instead of the usual: a `str` is the reply to give, such as "451 4.7.1 greylisted"."""

Command = Literal["connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", "quit"]
"""Where a script may act; `dot` is the end of the message, when all of it was read."""

_SCRIPTED: tuple[Command, ...] = ("ehlo", "starttls", "auth", "mail", "rcpt", "data", "quit")

Script = Callable[[str, str, int], Action | None]
"""(command, argument, how many of that command the sink has seen, this one included) -> what to do, None: as usual."""


@dataclass(frozen=True)
class ReceivedMail:
    """One mail the sink said yes to.

    Attributes:
        envelope_from: The address of MAIL FROM.
        envelope_to: The addresses of RCPT TO.
        raw: The message as it was before dot-stuffing.
        connection: Which connection brought it; the first is 1.
        queue_id: What the reply named it.
        arrived: `time.monotonic()` at the final dot, in seconds; on Linux comparable between processes.
    """

    envelope_from: str
    envelope_to: tuple[str, ...]
    raw: bytes
    connection: int
    queue_id: str
    arrived: float

    @cached_property
    def message(self) -> EmailMessage:
        """The mail as Python's parser reads it."""
        return message_from_bytes(self.raw, policy=policy.default)

    @cached_property
    def message_id(self) -> str:
        """The Message-ID with its angle brackets, or nothing; read without parsing the whole."""
        found = _MESSAGE_ID.search(self.raw)
        return found[1].decode("ascii", "replace") if found else ""

    def as_json(self) -> str:
        """Return one line of JSON: `from`, `to`, `message_id`, `queue_id`, `connection`, `arrived`."""
        line = {"from": self.envelope_from, "to": self.envelope_to, "message_id": self.message_id}
        return json.dumps({**line, "queue_id": self.queue_id, "connection": self.connection, "arrived": self.arrived})


class Sink(Protocol):
    """What a conversation needs of the sink it belongs to."""

    tls: Literal["none", "starttls", "tls"]
    tls_context: ssl.SSLContext | None
    credentials: tuple[str, str] | None
    smtputf8: bool

    def joined(self, conversation: "Conversation") -> int:
        """Take note of a new connection and give it its number."""

    def left(self, conversation: "Conversation") -> None:
        """Take note that a connection is gone."""

    def action(self, command: Command, argument: str) -> Action | None:
        """Count the command and ask the script about it."""

    def accept(self, mail: ReceivedMail) -> None:
        """Keep the mail."""


class Conversation(SMTP):
    """One connection to a `Sink`."""

    line_length_limit = 2**25  # the stream's: `_take_message` reads a message in one piece
    transport: Any
    session: Any
    envelope: Any
    _tls_protocol: Any

    def __init__(self, sink: Sink) -> None:
        encrypts = sink.tls != "none"
        super().__init__(
            sink,
            hostname="mail-sink.invalid",
            ident="notifyd mail sink",
            enable_SMTPUTF8=sink.smtputf8,
            tls_context=sink.tls_context if sink.tls == "starttls" else None,
            require_starttls=sink.tls == "starttls",
            auth_required=sink.credentials is not None and encrypts,
            auth_require_tls=sink.credentials is None or encrypts,
            authenticator=self._check,
            loop=asyncio.get_running_loop(),
        )
        self._sink = sink
        self._number = 0
        self._smtp_methods |= {"STARTTLS": self._encrypt, "DATA": self._take_message}
        for command in _SCRIPTED:
            usual = self._smtp_methods[command.upper()]
            self._smtp_methods[command.upper()] = partial(self._obey, command, usual)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._number = self._sink.joined(self)
        if self._sink.tls == "tls":
            self._tls_protocol = transport  # aiosmtpd looks here for "is it encrypted"
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._sink.left(self)
        super().connection_lost(error)

    def cut(self) -> None:
        """Close without a word."""
        if self.transport is not None:
            with suppress(AttributeError):  # before Python 3.11.4 that of a TLS connection which is closed already
                self.transport.abort()

    async def _handle_client(self) -> None:
        if await self._answered("connect", ""):
            self.transport.close()
            return
        await super()._handle_client()

    async def _obey(self, command: Command, usual: Callable[[str | None], Awaitable[None]], arg: str | None) -> None:
        if not await self._answered(command, arg or ""):
            await usual(arg)

    async def _encrypt(self, _arg: str | None) -> None:
        """Upgrade the stream; aiosmtpd's own way reaches into asyncio, and fails on some versions and on uvloop."""
        assert self.tls_context is not None
        await self.push("220 Ready to start TLS")
        try:
            encrypted = await self.loop.start_tls(self.transport, self, self.tls_context, server_side=True)
        except OSError:
            encrypted = None
        if encrypted is None:  # the client did not like our certificate, and nobody else tells us
            self.cut()
            self.connection_lost(None)
            return
        self._plain_writer = self._writer  # one that is forgotten closes its transport
        self._writer = asyncio.StreamWriter(encrypted, self, self._reader, self.loop)
        self.transport = self._tls_protocol = encrypted
        self.session = self._create_session()  # RFC 3207, 4.2: what was said before counts for nothing
        self.session.ssl = {}

    async def _take_message(self, _arg: str | None) -> None:
        """Read it in one piece; line by line, as aiosmtpd does, costs a benchmark more than the client does."""
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 RCPT first")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        stuffed = await self._reader.readuntil(_END_OF_DATA)
        raw = (b"\r\n" + stuffed[:-3]).replace(b"\r\n..", b"\r\n.")[2:]  # RFC 5321, 4.5.2
        mail = self._mail(raw)
        if not await self._answered("dot", "", mail):
            await self.push(self._judge(mail))
        self.envelope = self._create_envelope()

    def _mail(self, raw: bytes) -> ReceivedMail:
        queue_id = secrets.token_hex(6).upper()
        to = tuple(self.envelope.rcpt_tos)
        return ReceivedMail(self.envelope.mail_from, to, raw, self._number, queue_id, time.monotonic())

    def _judge(self, mail: ReceivedMail) -> str:
        if max(map(len, mail.raw.split(b"\r\n"))) > _LONGEST_LINE:
            return "500 5.5.2 line too long"
        self._sink.accept(mail)
        return f"250 2.0.0 Ok: queued as {mail.queue_id}"

    async def _answered(self, command: Command, argument: str, mail: ReceivedMail | None = None) -> bool:
        """Do what the script says; tell whether that was the answer."""
        match self._sink.action(command, argument):
            case None:
                return False
            case Stall(seconds):
                await (anyio.sleep_forever() if seconds is None else anyio.sleep(seconds))
                return False
            case Drop(accept):
                if accept and mail is not None:
                    self._sink.accept(mail)
                self.cut()
            case reply:
                await self.push(reply)
                if reply.startswith("421"):  # RFC 5321, 3.8: the server closes after it
                    self.transport.close()
        return True

    def _check(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword) -> AuthResult:
        login = (given.login.decode(), given.password.decode())
        return AuthResult(success=login == self._sink.credentials, handled=False)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read an ordinary address twenty times as fast as the full grammar does."""
        found = _PATH.fullmatch(arg)
        return (found[1], found[2]) if found else super()._getaddr(arg)
