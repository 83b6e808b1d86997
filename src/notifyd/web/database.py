"""The database as this daemon sees it: what its pools went through, and what the server tells of itself.

The first is the process' own and is told whatever becomes of the database; the second is missing while it is away.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import anyio
from aiohttp import web

from notifyd.model.histogram import Histogram
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.pool import Store
from notifyd.store.server import READ_LIMIT, look
from notifyd.vitals import PoolVitals, Vitals
from notifyd.web.answers import document, silence

PATH = "/stats/database"


@dataclass(frozen=True, slots=True)
class Database:
    """What the handler needs.

    Attributes:
        store: The database, on connections whose plans are the planner's.
        vitals: What engine and store write.
    """

    store: Store
    vitals: Vitals
    _turn: anyio.Lock = field(default_factory=anyio.Lock, init=False)  # whoever asks takes one connection at the most

    def table(self) -> list[web.RouteDef]:
        """Return the routes; HEAD is answered wherever GET is."""
        return [web.get(PATH, self.seen)]

    async def seen(self, _request: web.Request) -> web.Response:
        """Pools, statements and errors; and the server, or with 503 why it could not be asked."""
        server, trouble = None, {}
        try:
            with anyio.fail_after(READ_LIMIT):
                async with self._turn:
                    server = await look(self.store)
        except (DatabaseUnavailable, TimeoutError) as error:
            trouble = {"error": f"the database does not answer: {silence(error)}", "cure": "ask again in a moment"}
        pools = {name: _pool(pool) for name, pool in self.vitals.pools.items()}
        body = {"pools": pools, "server": server and server.as_json(), **trouble}
        return document(body, HTTPStatus.SERVICE_UNAVAILABLE if trouble else HTTPStatus.OK)


def _pool(pool: PoolVitals) -> dict[str, Any]:
    return {
        "limit": pool.limit,
        "active": pool.active,
        "idle": pool.idle,
        "utilisation": round(pool.utilisation, 3),
        "waiting": pool.waiting,
        "waits": _durations(pool.waits),
        "timeouts": pool.timeouts_total,
        "errors": dict(pool.errors_total),
        "statements": {
            name: _durations(times)
            for name, times in sorted(pool.statements.items(), key=lambda item: -item[1].total)  # the costliest first
        },
    }


def _durations(times: Histogram) -> dict[str, Any]:
    """Return a histogram in milliseconds; the quantiles are estimates."""
    quantiles = {f"p{share}_ms": times.quantile(share / 100) for share in (50, 95, 99)}
    return {
        "count": times.count,
        "total_ms": round(times.total * 1_000, 3),
        **{name: None if seconds is None else round(seconds * 1_000, 3) for name, seconds in quantiles.items()},
        "max_ms": round(times.longest * 1_000, 3),
    }
