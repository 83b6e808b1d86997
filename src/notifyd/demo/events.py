"""Server-sent events: what is new since the page last heard, as JSON (WHATWG HTML, section 9.2).

The id of an event names this run and the last change it told of, so that a page that comes back asks for the rest
alone, and a page that outlived a run begins anew.
"""

import json
from collections.abc import AsyncGenerator
from dataclasses import asdict
from secrets import token_hex
from typing import Any

import anyio

from notifyd.demo.inbox import Arrival
from notifyd.demo.watcher import Picture, Watcher

RUN = token_hex(4)
"""This run of the demo."""

_AT_ONCE = 60  # messages in one event: what a page shows
_BREATH = 0.03  # seconds between two events: changes that come together travel together
_HEARTBEAT = 15.0  # seconds: an empty event shows that the page is still there


class Stream:
    """What one page is told."""

    def __init__(self, watcher: Watcher, last_event_id: str) -> None:
        """Begin where the page's last event ended."""
        run, _, beat = last_event_id.partition("-")
        self._known = int(beat) if run == RUN and beat.isdecimal() else 0
        self._watcher = watcher

    async def events(self, closing: anyio.Event) -> AsyncGenerator[bytes]:
        """Yield events, the first at once, until the server closes."""
        self._watcher.watchers += 1
        try:
            yield b"retry: 1000\n\n"
            while not closing.is_set():
                yield self._next()
                await anyio.sleep(_BREATH)
                with anyio.move_on_after(_HEARTBEAT):
                    await self._watcher.inbox.pulse.beyond(self._known)
        finally:
            self._watcher.watchers -= 1

    def _next(self) -> bytes:
        inbox, picture = self._watcher.inbox, self._watcher.picture
        told: dict[str, Any] = {}
        if messages := inbox.since(self._known, _AT_ONCE):
            told["messages"] = [_message(arrival) for arrival in messages]
        if picture.version > self._known:
            told |= _picture(picture)
        self._known = inbox.pulse.count
        return f"id: {RUN}-{self._known}\ndata: {json.dumps(told)}\n\n".encode()


def _message(arrival: Arrival) -> dict[str, Any]:
    job = asdict(arrival.job) if arrival.job else None
    return {
        "number": arrival.number,
        "channel": arrival.channel,
        "at": arrival.at,
        "delay": arrival.delay_ms,
        **arrival.content,
        "job": job,
    }


def _picture(picture: Picture) -> dict[str, Any]:
    return {
        "stats": picture.stats,
        "paused": picture.paused,
        "failed": [asdict(job) for job in picture.failed],
        "held": [asdict(job) for job in picture.held],
        "waiting": [asdict(wait) for wait in picture.waiting],
    }
