"""Puts together what is served over HTTP: the routes, the cache before them, and what takes its answers out of date."""

from collections.abc import Mapping, Sequence

from aiohttp import web
from anyio.abc import TaskGroup

from notifyd import log
from notifyd.dashboards import load
from notifyd.model.dashboard import Dashboard
from notifyd.model.receipt import Receipt
from notifyd.outlets import open_receipts
from notifyd.settings import Settings
from notifyd.store.batch import Batch
from notifyd.store.pool import Store
from notifyd.store.receipts import Heard, receive
from notifyd.stores import Stores
from notifyd.vitals import Vitals
from notifyd.web.cache import OURS, Cache
from notifyd.web.dashboards import Dashboards
from notifyd.web.database import Database
from notifyd.web.jobs import Jobs
from notifyd.web.live import Live
from notifyd.web.receipts import Receipts
from notifyd.web.routes import Routes
from notifyd.web.seldom import Seldom
from notifyd.web.server import HttpConfig
from notifyd.web.stream import Stream

COUNTS_REST = 1.0
"""Seconds between two times that our own counts are taken out of date, however much is inserted and settled."""


class Reception:
    """What HTTP needs, and what the engine tells it.

    Attributes:
        config: Where and for whom to serve.
        routes: What there is.
    """

    def __init__(self, settings: Settings, stores: Stores, vitals: Vitals, house: TaskGroup) -> None:
        """Put everything together; `house` runs what has to run beside the requests."""
        self._vitals = vitals
        self._cache = Cache(house, vitals)
        self._counts = Seldom(self._recount, COUNTS_REST)
        live = Live(stores.stats, vitals)
        house.start_soon(self._counts.run)
        house.start_soon(live.run)
        self.config = _config(settings)
        self.routes: list[web.RouteDef] = [
            *Routes(stores.stats, stores.health, vitals, settings.poll_interval.total_seconds(), self._cache).table(),
            *Dashboards(_definitions(settings), stores.dashboards, self._cache).table(),
            *Database(stores.stats, vitals).table(),
            *Jobs(stores.lists, guarded=settings.http_token is not None).table(),
            *Stream(live, vitals).table(),
        ]
        if receipts := _receipts(settings, stores.engine, vitals, house):
            self.routes += receipts.table()

    def counts_changed(self) -> None:
        """Hear that jobs were inserted or settled. Costs next to nothing."""
        self._counts.ring()

    def changed(self, word: str) -> None:
        """Hear from the booking system that something has changed.

        Args:
            word: The value of a parameter, such as a salon's id; empty for everything.
        """
        self._vitals.cache_notices_total["notify"] += 1
        self._cache.forget(word)

    def _recount(self) -> None:
        self._vitals.cache_notices_total["wake"] += 1
        self._cache.forget(OURS)


def _config(settings: Settings) -> HttpConfig:
    token = settings.http_token.get_secret_value() if settings.http_token else None
    return HttpConfig(settings.http_host, settings.http_port, token, settings.role_tokens)


def _definitions(settings: Settings) -> Mapping[str, Dashboard]:
    found = load(settings.dashboards_dir)
    for mistake in found.mistakes:
        log.warning("dashboard.faulty", reason=mistake, next="goes on without this dashboard")
    return found.dashboards


def _receipts(settings: Settings, store: Store, vitals: Vitals, house: TaskGroup) -> Receipts | None:
    """Open the desk for the provider's callbacks, where there are any; `house` commits what it takes."""
    reader = open_receipts(settings)
    if reader is None:
        return None

    async def write_receipts(items: Sequence[Receipt]) -> list[Heard]:
        return await receive(store, items)

    batch = Batch(write_receipts)
    house.start_soon(batch.run)
    return Receipts(reader, lambda receipt: batch.put(receipt).written(), vitals)
