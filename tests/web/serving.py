"""A served daemon without an engine: real sockets, a real database, vitals that a test sets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import anyio

from notifyd.dashboards import load
from notifyd.model.dashboard import Dashboard
from notifyd.store.pool import Store, open_beside, open_store
from notifyd.store.snapshots import open_snapshots
from notifyd.stores import HEALTH_CONNECTIONS, LISTS_CONNECTIONS, STATS_CONNECTIONS
from notifyd.vitals import Vitals
from notifyd.web.cache import Cache
from notifyd.web.dashboards import Dashboards
from notifyd.web.database import Database
from notifyd.web.jobs import Jobs
from notifyd.web.live import Live
from notifyd.web.routes import Routes
from notifyd.web.server import HttpConfig, serve
from notifyd.web.stream import HEARTBEAT, Stream

SHIPPED = load(None).dashboards

POLL = 5.0
"""Seconds."""

BLOCKED = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name = 'notifyd-stats' and wait_event_type = 'Lock'
"""
"""How many reads for viewers wait for a lock."""


@dataclass(frozen=True)
class House:
    """What a test talks to."""

    http: aiohttp.ClientSession
    vitals: Vitals
    store: Store
    port: int
    cache: Cache


@asynccontextmanager
async def served(
    dsn: str,
    token: str | None = None,
    roles: tuple[tuple[str, str], ...] = (),
    dashboards: Mapping[str, Dashboard] = SHIPPED,
    port: int = 0,
    *,
    heartbeat: float = HEARTBEAT,
) -> AsyncIterator[House]:
    """Serve on loopback, on any free port if none is named; the vitals are those of a daemon that has just claimed."""
    now = anyio.current_time()
    vitals = Vitals(started_at=now, slots=8, last_claim_at=now, database_ok=True)
    async with (
        open_store(dsn, "notification_jobs", connections=STATS_CONNECTIONS, pinned=False) as store,
        open_beside(dsn, store.table, connections=HEALTH_CONNECTIONS) as health,
        open_beside(dsn, store.table, connections=LISTS_CONNECTIONS) as lists,
        open_snapshots(dsn, store.table, pooled=False, replica=False) as reader,
        anyio.create_task_group() as house,
    ):
        vitals.pools = {"stats": store.watch.vitals, "health": health.watch.vitals, "lists": lists.watch.vitals}
        cache = Cache(house, vitals)
        config = HttpConfig(port=port, token=token, roles=roles)
        routes = Routes(store, health, vitals, POLL, cache).table() + Database(store, vitals).table()
        routes += Dashboards(dashboards, reader, cache).table()
        routes += Jobs(lists, guarded=token is not None).table()
        live = Live(store, vitals)
        house.start_soon(live.run)
        routes += Stream(live, vitals, heartbeat).table()
        port = await house.start(serve, config, routes)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            yield House(http, vitals, store, port, cache)
        house.cancel_scope.cancel()
