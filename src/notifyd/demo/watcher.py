"""Keeps the page's picture true: whose each message is, what has become of jobs, what the daemon says of itself.

Looks only while somebody watches: when the daemon's stream tells of a change, and now and then, since waiting times run
down. What it cannot read now it reads next time.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import anyio
import asyncpg

from notifyd.demo import jobs_view
from notifyd.demo.inbox import Inbox
from notifyd.demo.jobs_view import JobView, Waiting
from notifyd.model.job import Channel, State

_GLANCE = 0.04  # seconds: the ledger learns a SID a moment after the sink gave it
_LOOK = 1.0  # seconds between two looks at rows while nothing is told
_BREATH = 0.1  # seconds between two looks at the least
_ROWS = 12  # how many failed and waiting jobs are shown


@dataclass(slots=True)
class Picture:
    """What the page shows beside messages; `version` is the beat of its latest change."""

    stats: dict[str, Any] | None = None
    paused: dict[str, str] = field(default_factory=dict)
    failed: list[JobView] = field(default_factory=list)
    held: list[JobView] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    version: int = 0


class Watcher:
    """Looks at rows and at the daemon while pages are open.

    Attributes:
        inbox: Whose messages are explained.
        picture: The latest of everything else.
        watchers: How many pages are open; whoever opens one counts itself in and out.
    """

    def __init__(
        self,
        inbox: Inbox,
        pool: asyncpg.Pool,
        ask: Callable[[str], Awaitable[dict[str, Any] | None]],
        hear: Callable[[str], AsyncGenerator[dict[str, Any]]],
    ) -> None:
        """Begin without a picture.

        Args:
            inbox: Whose messages are explained.
            pool: Connections to the booking system's database.
            ask: Asks one of the daemon's endpoints.
            hear: Listens to one of the daemon's streams.
        """
        self.inbox = inbox
        self.picture = Picture()
        self.watchers = 0
        self._pool = pool
        self._ask = ask
        self._hear = hear
        self._stats: dict[str, Any] | None = None
        self._told = anyio.Event()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._explain)
            group.start_soon(self._look)

    async def _explain(self) -> None:
        while True:
            seen = self.inbox.pulse.count
            if not self.inbox.unexplained():
                await self.inbox.pulse.beyond(seen)
                continue
            await self._ask_whose()
            if self.inbox.unexplained():
                await anyio.sleep(_GLANCE)

    async def _ask_whose(self) -> None:
        strangers = self.inbox.unexplained()
        keys = [a.mark for a in strangers if a.channel is Channel.EMAIL]
        sids = [a.mark for a in strangers if a.channel is Channel.SMS]
        jobs = await jobs_view.by_email(self._pool, keys) if keys else {}
        jobs |= await jobs_view.by_sms(self._pool, sids) if sids else {}
        for arrival in strangers:
            if arrival.mark in jobs:
                self.inbox.explain(arrival, jobs[arrival.mark])

    async def _look(self) -> None:
        while True:
            if self.watchers:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._listen)
                    while self.watchers:
                        await self._follow_jobs()
                        await self._draw()
                        await anyio.sleep(_BREATH)
                        with anyio.move_on_after(_LOOK):
                            await self._told.wait()
                        self._told = anyio.Event()
                    group.cancel_scope.cancel()
            await anyio.sleep(_BREATH)

    async def _listen(self) -> None:
        while True:
            async with aclosing(self._hear("/stats/stream")) as changes:
                async for stats in changes:
                    self._stats = stats
                    self._told.set()
            await anyio.sleep(_LOOK)

    async def _follow_jobs(self) -> None:
        open_ends = self.inbox.unfinished()
        if not open_ends:
            return
        jobs = await jobs_view.by_id(self._pool, {job.id for _, job in open_ends})
        for arrival, job in open_ends:
            if job.id in jobs:
                self.inbox.explain(arrival, jobs[job.id])

    async def _draw(self) -> None:
        readiness = await self._ask("/readyz") or {}
        failed = await jobs_view.latest(self._pool, State.FAILED, _ROWS)
        held = await jobs_view.latest(self._pool, State.HELD, _ROWS)
        waiting = await jobs_view.waiting(self._pool, _ROWS)
        paused = readiness.get("paused", {})
        self.picture = Picture(self._stats, paused, failed, held, waiting, self.inbox.pulse.beat())
