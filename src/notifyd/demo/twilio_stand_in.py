"""A server that speaks Twilio's Messages resource and misbehaves by script: for the demo, the tests and the benchmarks.

It sends nothing to anybody and binds to loopback alone. It knows Twilio's magic numbers. Status callbacks are made when
it is told to (`report`).
"""

import base64
import json
import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from email.utils import formatdate
from typing import Self

import anyio
from aiohttp import web

from notifyd.demo.alone import Write, run_alone
from notifyd.demo.twilio_callbacks import call_back, form, signed
from notifyd.demo.twilio_list import Listing
from notifyd.demo.twilio_words import (
    Action,
    Attempt,
    Garble,
    ReceivedSms,
    Refuse,
    Reset,
    Script,
    Stall,
    error,
    resource,
    usual_refusal,
)

__all__ = [
    "ACCOUNT_SID",
    "AUTH_TOKEN",
    "Action",
    "Attempt",
    "Garble",
    "ReceivedSms",
    "Refuse",
    "Reset",
    "Script",
    "Stall",
    "TwilioStandIn",
]

ACCOUNT_SID = "AC" + "5" * 32
AUTH_TOKEN = "stand-in-token"  # noqa: S105  # it opens nothing but this server
_LOOPBACK = "127.0.0.1"
_ACCOUNT = "/2010-04-01/Accounts/{account}"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(kw_only=True)
class TwilioStandIn:
    """A server on a loopback port; an async context manager.

    Attributes:
        port: The port; 0 means any free one, and it stays the same from then on.
        script: How it misbehaves; may be exchanged at any time.
        on_message: Called with every message taken, on the loop, before the client gets its 201.
        keep: How many messages to hold in `messages`; None means all.
        stopped: Numbers that said STOP.
        list_lag: Seconds until a message shows in the list; may be changed at any time.
        list_script: What to answer list requests with instead, by their number from 1 on; None: as usual.
        messages: What was taken, oldest first.
        posts: How many POSTs were read, whatever they came to.
        lists: How many list requests were read, whatever they came to.
        most_at_once: The largest number of POSTs being answered at once.
    """

    port: int = 0
    script: Script | None = None
    on_message: Callable[[ReceivedSms], None] | None = None
    keep: int | None = None
    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    stopped: set[str] = field(default_factory=set)
    list_lag: float = 0.0
    list_script: Callable[[int], Refuse | Reset | Stall | None] | None = None
    messages: deque[ReceivedSms] = field(init=False)
    posts: int = field(default=0, init=False)
    lists: int = field(default=0, init=False)
    most_at_once: int = field(default=0, init=False)
    _at_once: int = field(default=0, init=False)
    _runner: web.AppRunner | None = field(default=None, init=False)
    _news: anyio.Event = field(default_factory=anyio.Event, init=False)

    def __post_init__(self) -> None:
        self.messages = deque(maxlen=self.keep)

    async def __aenter__(self) -> Self:
        await self.start_listening()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_listening()

    @property
    def base_url(self) -> str:
        """What to configure instead of https://api.twilio.com."""
        return f"http://{_LOOPBACK}:{self.port}"

    async def start_listening(self) -> None:
        """Listen, on the same port as before if there was one."""
        app = web.Application()
        app.router.add_get(_ACCOUNT + ".json", self._account)
        app.router.add_post(_ACCOUNT + "/Messages.json", self._create)
        app.router.add_get(_ACCOUNT + "/Messages.json", self._list)
        app.router.add_get(_ACCOUNT + "/Messages/{sid}.json", self._fetch)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, _LOOPBACK, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop_listening(self) -> None:
        """Refuse new connections and cut the open ones off, until `start_listening`."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_for(self, count: int, within: float = 10) -> list[ReceivedSms]:
        """Wait until at least `count` messages are kept.

        Raises:
            TimeoutError: when there are fewer after `within` seconds.
        """
        with anyio.fail_after(within):
            while len(self.messages) < count:
                await self._news.wait()
        return list(self.messages)

    async def report(
        self, message: ReceivedSms, status: str, error_code: int | None = None, reach: str | None = None
    ) -> int:
        """Call back with a message's new status, signed with the auth token.

        Args:
            message: One that came with a StatusCallback.
            status: `sent`, `delivered`, `undelivered` and so on.
            error_code: Why it was not delivered.
            reach: Where to connect instead of the callback's own host.

        Returns:
            The HTTP status of the answer.
        """
        assert message.status_callback is not None, "no StatusCallback came with it"
        fields = form(self.account_sid, message, status, error_code)
        headers = signed(message.status_callback, fields, self.auth_token)
        return await call_back(message.status_callback, fields, headers, reach)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._answer(request)
        finally:
            self._at_once -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.posts += 1
        if not self._is_known(request):
            return _refuse(Refuse(401, 20003, "Authenticate"))
        sender = form.get("From") or form.get("MessagingServiceSid", "")
        attempt = Attempt(self.posts, form.get("To", ""), sender, form.get("Body", ""))
        action = self.script(attempt) if self.script is not None else None
        match action or usual_refusal(attempt, self.stopped):
            case Refuse(accept=False) as refuse:
                return _refuse(refuse)
            case Reset(accept=False):
                return _reset(request)
            case special:
                message = self._take(attempt, form.get("StatusCallback"))
        return await self._confirm(request, message, special)

    async def _confirm(self, request: web.Request, message: ReceivedSms, action: Action | None) -> web.StreamResponse:
        match action:
            case Refuse() as refuse:
                return _refuse(refuse)
            case Reset():
                return _reset(request)
            case Garble(body):
                return web.Response(status=201, text=body, content_type="text/html")
            case Stall(seconds):
                await (anyio.sleep_forever() if seconds is None else anyio.sleep(seconds))
            case _:
                pass
        return web.json_response(resource(self.account_sid, message), status=201)

    def _take(self, attempt: Attempt, status_callback: str | None) -> ReceivedSms:
        message = ReceivedSms(
            sid=f"SM{secrets.token_hex(16)}",
            to=attempt.to,
            sender=attempt.sender,
            body=attempt.body,
            status_callback=status_callback,
            arrived=time.monotonic(),
            created=formatdate(),  # a stranger's clock: nothing of ours is compared with it
        )
        self.messages.append(message)
        if self.on_message is not None:
            self.on_message(message)
        self._news.set()
        self._news = anyio.Event()
        return message

    async def _account(self, request: web.Request) -> web.StreamResponse:
        if not self._is_known(request):
            return _refuse(Refuse(401, 20003, "Authenticate"))
        return web.json_response({"sid": self.account_sid, "friendly_name": "Stand-in", "status": "active"})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self.lists += 1
        if not self._is_known(request):
            return _refuse(Refuse(401, 20003, "Authenticate"))
        match self.list_script(self.lists) if self.list_script is not None else None:
            case Refuse() as refuse:
                return _refuse(refuse)
            case Reset():
                return _reset(request)
            case Stall(seconds):
                await (anyio.sleep_forever() if seconds is None else anyio.sleep(seconds))
            case None:
                pass
        shown = time.monotonic() - self.list_lag
        listing = Listing(self.account_sid, [message for message in self.messages if message.arrived <= shown])
        return web.json_response(listing.page(request.query))

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        if not self._is_known(request):
            return _refuse(Refuse(401, 20003, "Authenticate"))
        for message in self.messages:
            if message.sid == request.match_info["sid"]:
                return web.json_response(resource(self.account_sid, message))
        return _refuse(Refuse(404, 20404, "The requested resource was not found"))

    def _is_known(self, request: web.Request) -> bool:
        asked = "Basic " + base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        return request.match_info["account"] == self.account_sid and request.headers.get("Authorization") == asked


def _refuse(refusal: Refuse) -> web.Response:
    headers = {} if refusal.retry_after is None else {"Retry-After": refusal.retry_after}
    if refusal.code is None:
        return web.Response(status=refusal.status, text=refusal.message, headers=headers)
    return web.json_response(error(refusal), status=refusal.status, headers=headers)


def _reset(request: web.Request) -> web.Response:
    """Close so that the client gets a reset, not an end of file."""
    if request.transport is not None:
        peer: socket.socket = request.transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()


@asynccontextmanager
async def _alone(port: int, write: Write) -> AsyncIterator[Mapping[str, object]]:
    async with TwilioStandIn(port=port, keep=0, on_message=lambda sms: write(json.dumps(asdict(sms)))) as stand_in:
        address = {"port": stand_in.port, "base_url": stand_in.base_url}
        yield {**address, "account_sid": stand_in.account_sid, "auth_token": stand_in.auth_token}


if __name__ == "__main__":
    run_alone("notifyd.demo.twilio_stand_in", _alone)
