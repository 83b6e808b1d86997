"""Path -> function. What a request costs the database is bounded, and a lost database is an answer, not an error."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from importlib.resources import files

import anyio
from aiohttp import web

from notifyd.model.series import MOST_POINTS, SeriesRefused
from notifyd.model.stats import Stats
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.ping import PING_LIMIT, ping
from notifyd.store.pool import Store
from notifyd.store.stats import READ_LIMIT, read
from notifyd.store.table import TableUnusable
from notifyd.vitals import Vitals
from notifyd.web import metrics
from notifyd.web.answers import document, kept, refusal, silence
from notifyd.web.cache import Cache, TooManyLoads
from notifyd.web.copies import Copy, Keep, Served, Source
from notifyd.web.queries import BadQuery, known, moment, value
from notifyd.web.readiness import judge

COUNTS = Keep(ttl=1.0, stale=1.0)
"""How long the counts are kept; what is inserted and settled here takes them out of date sooner."""

SCRAPE_LIMIT = 4.5
"""Seconds in which `/metrics` asks for counts; without them it tells the rest before the guard ends the request."""

_PAGE = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/live.js": ("live.js", "text/javascript"),
}


@dataclass(frozen=True, slots=True)
class Routes:
    """What the handlers need.

    Attributes:
        store: The database, on connections whose plans are the planner's.
        health: The same, on connections that nothing slow is read over.
        vitals: What the engine writes.
        poll_interval: Seconds between two polls of the claim loop, from which `/readyz` knows what is late.
        cache: Keeps the counts.
    """

    store: Store
    health: Store
    vitals: Vitals
    poll_interval: float
    cache: Cache

    def table(self) -> list[web.RouteDef]:
        """Return the routes; HEAD is answered wherever GET is."""
        named = {
            "/healthz": self.healthz,
            "/readyz": self.readyz,
            "/stats": self.stats,
            "/metrics": self.metrics,
            "/openapi.json": self.openapi,
        }
        return [web.get(path, handler) for path, handler in named.items()] + [web.get(path, page) for path in _PAGE]

    async def healthz(self, _request: web.Request) -> web.Response:
        """The process turns."""
        return document({"status": "ok"})

    async def readyz(self, _request: web.Request) -> web.Response:
        """Claiming works; else 503 with the reasons."""
        trouble = None
        try:
            await self._alive()
        except (DatabaseUnavailable, TimeoutError) as error:
            trouble = silence(error)
        verdict = judge(self.vitals, trouble, anyio.current_time(), self.poll_interval)
        return document(verdict.as_json(), HTTPStatus.OK if verdict.ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def stats(self, request: web.Request) -> web.Response:
        """How things stand, for all salons or one."""
        try:
            known(request.query, ("salon_id", "since"))
            served = await self._counts(value(request.query, "salon_id"), moment(request.query, "since"))
        except BadQuery as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error), error.cure)
        except SeriesRefused as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error), f"give a moment of the last {MOST_POINTS - 1} days")
        except TooManyLoads:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many salons at once", "ask again", Retry_After="1")
        except TableUnusable as error:
            return refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "there is nothing to count from", str(error), Retry_After="60"
            )
        except (DatabaseUnavailable, TimeoutError) as error:
            return refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the database does not answer: {silence(error)}",
                "ask again in a moment; notifyd waits for the database too",
                Retry_After="2",
            )
        return kept(request, served)

    async def metrics(self, _request: web.Request) -> web.Response:
        """The same for Prometheus, and the process' own vitals; without a database, or counts in time, these alone."""
        snapshot, answers = None, False
        with suppress(DatabaseUnavailable, TableUnusable, TimeoutError), anyio.fail_after(SCRAPE_LIMIT):
            await self._alive()
            answers = True
            snapshot = (await self._counts(None, None, stale=False)).copy.value
        text = metrics.exposition(snapshot, self.vitals, anyio.current_time(), database_up=answers)
        return web.Response(body=text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def openapi(self, _request: web.Request) -> web.Response:
        """Describe all this."""
        return web.Response(text=_file("openapi.json"), content_type="application/json")

    async def _counts(
        self, salon_id: str | None, since: datetime | None, *, stale: bool = True
    ) -> Served[Stats | None]:
        source = Source("stats", COUNTS, self._count, ours=True)
        hour = None if since is None else since.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()
        given = {"salon_id": salon_id, "since": hour}  # a series of the same hours is the same series
        return await self.cache.get(source, {name: text for name, text in given.items() if text}, stale=stale)

    async def _count(self, given: Mapping[str, str]) -> Copy[Stats | None]:
        await self._alive()  # a database that is gone is told soon, one that has much to count is given time
        since = datetime.fromisoformat(given["since"]) if "since" in given else None
        with anyio.fail_after(READ_LIMIT):
            stats = await read(self.store, given.get("salon_id"), since)
        return Copy.of(None if given else stats, stats.as_json(), stats.as_of)  # /metrics asks for the whole alone

    async def _alive(self) -> None:
        with anyio.fail_after(PING_LIMIT):
            await ping(self.health)


async def page(request: web.Request) -> web.Response:
    """The operator page and its files."""
    name, kind = _PAGE[request.path]
    return web.Response(text=_file(f"page/{name}"), content_type=kind, charset="utf-8")


@cache
def _file(name: str) -> str:
    return files("notifyd.web").joinpath(name).read_text("utf-8")
