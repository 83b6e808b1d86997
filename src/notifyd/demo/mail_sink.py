"""A mail server that keeps what it is sent and misbehaves by script: for the demo, the tests and the benchmarks.

It is served on the running loop, delivers nothing, and binds to loopback alone. What goes wrong, the script says.
"""

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Self

import anyio

from notifyd.demo.alone import Write, run_alone
from notifyd.demo.mail_conversation import Action, Command, Conversation, Drop, ReceivedMail, Script, Stall

__all__ = ["Action", "Drop", "MailSink", "ReceivedMail", "Script", "Stall"]

_LOOPBACK = "127.0.0.1"


@dataclass(kw_only=True)
class MailSink:
    """A mail server on a loopback port; an async context manager.

    Attributes:
        port: The port; 0 means any free one, and it stays the same from then on.
        script: How it misbehaves, by command or as a function; may be exchanged at any time.
        on_mail: Called with every mail, on the loop, before the client gets its "250".
        keep: How many mails to hold in `mails`; None means all.
        tls: `starttls` demands it, `tls` speaks TLS from the first byte; both need `tls_context`.
        credentials: User and password that AUTH must bring; demanded where the connection is encrypted.
        smtputf8: Whether addresses beyond ASCII are offered (RFC 6531).
        mails: What was accepted, oldest first.
        commands: How many of each command were seen.
        connections: How many connections there were.
        most_open: The largest number of connections open at once.
    """

    port: int = 0
    script: Script | Mapping[str, Action] | None = None
    on_mail: Callable[[ReceivedMail], None] | None = None
    keep: int | None = None
    tls: Literal["none", "starttls", "tls"] = "none"
    tls_context: ssl.SSLContext | None = None
    credentials: tuple[str, str] | None = None
    smtputf8: bool = True
    mails: deque[ReceivedMail] = field(init=False)
    commands: Counter[str] = field(default_factory=Counter, init=False)
    connections: int = field(default=0, init=False)
    most_open: int = field(default=0, init=False)
    _open: set[Conversation] = field(default_factory=set, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)
    _news: anyio.Event = field(default_factory=anyio.Event, init=False)

    def __post_init__(self) -> None:
        self.mails = deque(maxlen=self.keep)

    async def __aenter__(self) -> Self:
        await self.start_listening()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_listening()

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    async def start_listening(self) -> None:
        """Listen, on the same port as before if there was one."""
        context = self.tls_context if self.tls == "tls" else None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Conversation(self), _LOOPBACK, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop_listening(self) -> None:
        """Refuse new connections and cut the open ones off, until `start_listening`."""
        if self._server is not None:
            self._server.close()
        self.cut_connections()
        with anyio.move_on_after(2):
            while self._open:
                await self._news.wait()

    def cut_connections(self) -> None:
        """Cut every open connection off, as a relay does with idle ones; go on listening."""
        for conversation in list(self._open):
            conversation.cut()

    async def wait_for(self, count: int, within: float = 10) -> list[ReceivedMail]:
        """Wait until at least `count` mails are kept.

        Raises:
            TimeoutError: when there are fewer after `within` seconds.
        """
        with anyio.fail_after(within):
            while len(self.mails) < count:
                await self._news.wait()
        return list(self.mails)

    def joined(self, conversation: Conversation) -> int:
        """Take note of a new connection and return its number."""
        self._open.add(conversation)
        self.connections += 1
        self.most_open = max(self.most_open, len(self._open))
        return self.connections

    def left(self, conversation: Conversation) -> None:
        """Take note that a connection is gone."""
        self._open.discard(conversation)
        self._tell()

    def action(self, command: Command, argument: str) -> Action | None:
        """Count the command and ask the script about it."""
        self.commands[command] += 1
        if self.script is None:
            return None
        if callable(self.script):
            return self.script(command, argument, self.commands[command])
        return self.script.get(command)

    def accept(self, mail: ReceivedMail) -> None:
        """Keep the mail and tell who waits for it."""
        self.mails.append(mail)
        if self.on_mail is not None:
            self.on_mail(mail)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()


@asynccontextmanager
async def _alone(port: int, write: Write) -> AsyncIterator[Mapping[str, object]]:
    async with MailSink(port=port, keep=0, on_mail=lambda mail: write(mail.as_json())) as sink:
        yield {"port": sink.port}


if __name__ == "__main__":
    run_alone("notifyd.demo.mail_sink", _alone)
