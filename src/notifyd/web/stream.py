"""`GET /stats/stream`: what `/stats` says, as server-sent events (WHATWG HTML, section 9.2), whenever it has changed.

A viewer costs a connection, and one event of memory. He is sent the latest and never what he missed; if that cannot be
handed to his machine within a few seconds he is let go, and his browser comes back. There are so many places; whoever
finds none may poll.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus

import anyio
from aiohttp import web

from notifyd import log
from notifyd.vitals import Vitals
from notifyd.web.answers import SECURITY_HEADERS, refusal
from notifyd.web.live import Live, TooManySalons
from notifyd.web.queries import BadQuery, known, value
from notifyd.web.topic import Topic

PATH = "/stats/stream"

MOST_STREAMS = 400
"""Viewers: a tenth of the descriptors that the unit allows. What a token may have is what there is in all, because the
one token that opens more than dashboards is the only one that opens the stream."""

HEARTBEAT = 15.0
"""Seconds of silence after which the connection is shown to live; proxies cut at thirty and more."""

PATIENCE = 5.0
"""Seconds that a viewer's machine has to take an event."""

GLANCE = 2.0
"""Seconds until it is noticed that a viewer went away and nothing is to be said."""

_SEND_BUFFER = 16_384  # bytes: the kernel would take megabytes from us for somebody who reads nothing
_RETRY = range(1_000, 3_000)  # milliseconds before a browser comes back; spread, or they all come at once
_HEADERS = {
    **SECURITY_HEADERS,
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would keep events until it has a pageful
}


class _FullError(Exception):
    """No place is free."""


class Stream:
    """Those who watch."""

    def __init__(self, live: Live, vitals: Vitals, heartbeat: float = HEARTBEAT, patience: float = PATIENCE) -> None:
        self._live = live
        self._vitals = vitals
        self._heartbeat = heartbeat
        self._patience = patience
        self._seated = 0

    def table(self) -> list[web.RouteDef]:
        """Return the one route; HEAD would be answered by an endless body."""
        return [web.get(PATH, self.stream, allow_head=False)]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send events until the viewer goes, or is too slow, or the daemon stops."""
        try:
            known(request.query, ("salon_id",))
            salon_id = value(request.query, "salon_id")
            with self._place(), self._live.watch(salon_id) as topic:
                return await self._serve(request, topic)
        except BadQuery as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error), error.cure)
        except (_FullError, TooManySalons):
            self._vitals.streams_turned_away_total += 1
            cure = "ask /stats instead, and come back in a minute"
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many are watching", cure, Retry_After="60")

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._vitals.streams >= MOST_STREAMS:
            raise _FullError
        self._vitals.streams += 1
        try:
            yield
        finally:
            self._vitals.streams -= 1

    async def _serve(self, request: web.Request, topic: Topic) -> web.StreamResponse:
        answer = web.StreamResponse(headers=_HEADERS)
        answer.force_close()  # the connection's buffers are not fit for anything else
        _keep_buffers_small(request)
        await answer.prepare(request)
        try:
            with suppress(ConnectionError):  # the viewer went away
                await self._tell(request, answer, topic)
        except TimeoutError:
            self._vitals.streams_dropped_total += 1
            log.debug("web.dropped", what="a viewer who did not read; his browser comes back")
            if request.transport is not None:
                request.transport.abort()
        return answer

    async def _tell(self, request: web.Request, answer: web.StreamResponse, topic: Topic) -> None:
        self._seated += 1
        retry = _RETRY[self._seated * 1_237 % len(_RETRY)]  # a prime: neighbours are told times far apart
        await self._send(request, answer, f"retry: {retry}\n\n".encode())
        heard, version, looks = request.headers.get("Last-Event-ID") or None, 0, 0
        sent_at = anyio.current_time()
        while not topic.closed and request.transport is not None:
            with anyio.move_on_after(min(GLANCE, self._heartbeat)):
                await topic.beyond(version)
            news = topic.version > version
            if not news and anyio.current_time() < sent_at + self._heartbeat:
                continue
            fresh = news and not (version == 0 and heard == topic.figures)
            event = topic.event if fresh else topic.beat(looks)
            version, looks, sent_at = topic.version, topic.looks, anyio.current_time()
            await self._send(request, answer, event)

    async def _send(self, request: web.Request, answer: web.StreamResponse, event: bytes) -> None:
        with anyio.fail_after(self._patience):
            await answer.write(event)
            await request.writer.drain()


def _keep_buffers_small(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.set_write_buffer_limits(high=0)
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
