"""Stands before every request: the token, how many at once, how long each, and a JSON answer whatever goes wrong.

A role's token opens the dashboards and nothing else; which of them, they say themselves. Whoever asks for what the
cache keeps stands in a long queue, since he costs next to nothing: what must be made for him has its own limit there.

`/healthz` passes without token and without a place in the queue: it must answer when everything else is busy. Who asks
for readiness or for metrics never stands behind those who look at figures. Lists have a short queue: some filters make
them slow. Receipts have no token, since whoever brings one cannot know it, and a queue of their own: they come in
bursts, and are not sent again. A stream has its own places, and no end.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

import anyio
from aiohttp import web

from notifyd import log
from notifyd.web.answers import SECURITY_HEADERS, refusal
from notifyd.web.callers import CALLER, Callers
from notifyd.web.database import PATH as DATABASE
from notifyd.web.jobs import PATH as JOBS
from notifyd.web.receipts import PATH as RECEIPTS
from notifyd.web.stream import PATH as STREAM

MOST_IN_FLIGHT = 32
"""Requests served at once; more are told to come back, so that a herd of dashboards cannot slow the engine down."""

DEADLINE = 5.0
"""Seconds that one request may take."""

OPEN = "/healthz"

PROBES = ("/readyz", "/metrics")
"""Each has a queue of its own."""

STATS = "/stats"

DASHBOARDS = "/dashboards"

MOST_VIEWERS = 2_000
"""Requests at once for what the cache keeps. A thousand open tabs ask within the same second when the daemon is back;
each is a connection, of which a process may have 4,096 under systemd."""

MOST_SLOW = 8
"""Requests for a list at once, and for the server's facts; two lists are read, and the facts once."""

MOST_RECEIPTS = 500
"""Receipts taken at once: as many as one statement writes."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """What every request passes."""

    def __init__(self, callers: Callers, most_in_flight: int = MOST_IN_FLIGHT, deadline: float = DEADLINE) -> None:
        self._callers = callers
        self._requests = _Queue(most_in_flight)
        self._viewers = _Queue(MOST_VIEWERS)
        self._queues = {
            RECEIPTS: _Queue(MOST_RECEIPTS),
            STATS: self._viewers,
            JOBS: _Queue(MOST_SLOW),
            DATABASE: _Queue(MOST_SLOW),
            **{path: _Queue(most_in_flight) for path in PROBES},
        }
        self._deadline = deadline

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request pass, or refuse it: aiohttp's middleware."""
        answer = await self._answer(request, handler)
        for name, value in SECURITY_HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == OPEN:
            return await self._handled(request, handler, self._deadline)
        if request.path == RECEIPTS:
            return await self._queued(request, handler)
        caller = self._callers.who(request.headers.get("Authorization", ""))
        if caller is None:
            return refusal(
                HTTPStatus.UNAUTHORIZED,
                "the token is missing or wrong",
                "send the header `Authorization: Bearer TOKEN` with the value of http_token",
                WWW_Authenticate='Bearer realm="notifyd"',
            )
        if caller.role is not None and not _is_dashboard(request):
            return refusal(HTTPStatus.FORBIDDEN, "this token opens /dashboards alone", "send the value of http_token")
        request[CALLER] = caller
        if request.path == STREAM:
            return await self._handled(request, handler, None)
        return await self._queued(request, handler)

    async def _queued(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        queue = self._viewers if _is_dashboard(request) else self._queues.get(request.path, self._requests)
        if queue.taken >= queue.places:
            return refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", "ask again in a second", Retry_After="1"
            )
        queue.taken += 1
        try:
            return await self._handled(request, handler, self._deadline)
        finally:
            queue.taken -= 1

    async def _handled(self, request: web.Request, handler: Handler, deadline: float | None) -> web.StreamResponse:
        try:
            with anyio.fail_after(deadline):
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


def _is_dashboard(request: web.Request) -> bool:
    return request.path == DASHBOARDS or request.path.startswith(f"{DASHBOARDS}/")


def _explained(refused: web.HTTPException) -> web.Response:
    match refused:
        case web.HTTPMethodNotAllowed():
            allowed = refused.headers["Allow"]
            return refusal(refused.status, "this address does not take that method", f"use {allowed}", Allow=allowed)
        case web.HTTPNotFound():
            return refusal(refused.status, "there is nothing at this address", "see /openapi.json for what there is")
        case _:
            return refusal(refused.status, refused.reason, "see /openapi.json for what is accepted")
