"""Stands before every request: the token, how many at once, how long each, and a JSON answer whatever goes wrong.

`/healthz` passes without token and without a place in the queue: it must answer when everything else is busy. Receipts
have no token, since whoever brings one cannot know it, and a queue of their own: they come in bursts, and are not sent
again.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

import anyio
from aiohttp import web

from notifyd import log
from notifyd.web.answers import SECURITY_HEADERS, refusal
from notifyd.web.receipts import PATH as RECEIPTS

MOST_IN_FLIGHT = 32
"""Requests served at once; more are told to come back, so that a herd of dashboards cannot slow the engine down."""

DEADLINE = 5.0
"""Seconds that one request may take."""

OPEN = "/healthz"

MOST_RECEIPTS = 500
"""Receipts taken at once: as many as one statement writes."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """What every request passes."""

    def __init__(self, token: str | None, most_in_flight: int = MOST_IN_FLIGHT, deadline: float = DEADLINE) -> None:
        self._token = None if token is None else token.encode()
        self._requests = _Queue(most_in_flight)
        self._receipts = _Queue(MOST_RECEIPTS)
        self._deadline = deadline

    @property
    def in_flight(self) -> int:
        """How many requests are being served."""
        return self._requests.taken

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request pass, or refuse it: aiohttp's middleware."""
        answer = await self._answer(request, handler)
        for name, value in SECURITY_HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == OPEN:
            return await self._handled(request, handler)
        if request.path == RECEIPTS:
            return await self._queued(self._receipts, request, handler)
        if not self._knows(request):
            return refusal(
                HTTPStatus.UNAUTHORIZED,
                "the token is missing or wrong",
                "send the header `Authorization: Bearer TOKEN` with the value of http_token",
                WWW_Authenticate='Bearer realm="notifyd"',
            )
        return await self._queued(self._requests, request, handler)

    async def _queued(self, queue: "_Queue", request: web.Request, handler: Handler) -> web.StreamResponse:
        if queue.taken >= queue.places:
            return refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", "ask again in a second", Retry_After="1"
            )
        queue.taken += 1
        try:
            return await self._handled(request, handler)
        finally:
            queue.taken -= 1

    def _knows(self, request: web.Request) -> bool:
        if self._token is None:
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Bytes, because compare_digest refuses a str that is not ASCII, and a stranger may send one.
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)
        return same and scheme.lower() == "bearer"

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            with anyio.fail_after(self._deadline):
                return await handler(request)
        except TimeoutError:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "it took too long", "ask again in a moment", Retry_After="5")
        except web.HTTPException as refused:
            return _explained(refused)
        except Exception as bug:  # noqa: BLE001 - a bug in a page is no reason for the engine to stop
            log.exception("web.bug", bug, path=request.path)
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "a bug in notifyd", "its log says more: web.bug")


@dataclass(slots=True)
class _Queue:
    places: int
    taken: int = 0


def _explained(refused: web.HTTPException) -> web.Response:
    match refused:
        case web.HTTPMethodNotAllowed():
            allowed = refused.headers["Allow"]
            return refusal(refused.status, "this address does not take that method", f"use {allowed}", Allow=allowed)
        case web.HTTPNotFound():
            return refusal(refused.status, "there is nothing at this address", "see /openapi.json for what there is")
        case _:
            return refusal(refused.status, refused.reason, "see /openapi.json for what is accepted")
