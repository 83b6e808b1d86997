"""Stands before every request: the token, how many at once, how long each, and a JSON answer whatever goes wrong.

`/healthz` passes without token and without a place in the queue: it must answer when everything else is busy.
"""

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import anyio
from aiohttp import web

from notifyd import log
from notifyd.web.answers import SECURITY_HEADERS, refusal

MOST_IN_FLIGHT = 32
"""Requests served at once; more are told to come back, so that a herd of dashboards cannot slow the engine down."""

DEADLINE = 5.0
"""Seconds that one request may take."""

OPEN = "/healthz"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """What every request passes.

    Attributes:
        in_flight: Requests being served.
    """

    def __init__(self, token: str | None, most_in_flight: int = MOST_IN_FLIGHT, deadline: float = DEADLINE) -> None:
        self._token = None if token is None else token.encode()
        self._most = most_in_flight
        self._deadline = deadline
        self.in_flight = 0

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request pass, or refuse it: aiohttp's middleware."""
        answer = await self._answer(request, handler)
        answer.headers.update(SECURITY_HEADERS)
        return answer

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == OPEN:
            return await self._handled(request, handler)
        if not self._knows(request):
            return refusal(
                HTTPStatus.UNAUTHORIZED,
                "the token is missing or wrong",
                "send the header `Authorization: Bearer TOKEN` with the value of http_token",
                WWW_Authenticate='Bearer realm="notifyd"',
            )
        if self.in_flight >= self._most:
            return refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", "ask again in a second", Retry_After="1"
            )
        self.in_flight += 1
        try:
            return await self._handled(request, handler)
        finally:
            self.in_flight -= 1

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


def _explained(refused: web.HTTPException) -> web.Response:
    match refused:
        case web.HTTPMethodNotAllowed():
            allowed = refused.headers["Allow"]
            return refusal(refused.status, "this address can only be read", f"use {allowed}", Allow=allowed)
        case web.HTTPNotFound():
            return refusal(refused.status, "there is nothing at this address", "see /openapi.json for what there is")
        case _:
            return refusal(refused.status, refused.reason, "see /openapi.json for what is accepted")
