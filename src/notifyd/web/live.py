"""Reads the counts for all who watch them live: once for everybody, and only while somebody watches.

The process' own vitals say when a look is worth while; every two seconds one is taken all the same, because other
daemons settle jobs too. A look is two statements at the most, and is followed by a rest of several times its length, so
that looking takes a bounded share of the database however many watch and whatever a look costs. Who waits for his first
figures ends the rest. Nothing is queued for a viewer: he is told the latest.
"""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio

from notifyd import log
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.ping import PING_LIMIT, ping
from notifyd.store.pool import Store
from notifyd.store.stats import READ_LIMIT, read, read_salons
from notifyd.store.table import TableUnusable
from notifyd.vitals import Vitals
from notifyd.web.answers import silence
from notifyd.web.topic import Topic

BREATH = 0.1
"""Seconds between two looks at the least: changes that come together are told together."""

POLL = 2.0
"""Seconds between two looks at the most."""

REST = 4
"""How many times the length of a look is rested after it: looking takes a fifth of one connection's time. A newcomer
waits for no more than its length once: if they keep coming, looking takes half."""

LONGEST_REST = 10.0
"""Seconds of rest at the most: between two looks that take as long as they may, figures are never older than 30 s."""

MOST_SALONS = 100
"""Different salons watched at once."""

BUG_PAUSE = 20.0
"""Seconds until the rest after a bug, which will be one again."""


class TooManySalons(Exception):  # noqa: N818 - the state of things, in the words of the answer
    """No further salon can be watched now."""


class Live:
    """Everything that is watched, and the one who looks."""

    def __init__(self, store: Store, vitals: Vitals, breath: float = BREATH) -> None:
        self._store = store
        self._vitals = vitals
        self._breath = breath
        self._topics: dict[str | None, Topic] = {}
        self._joined = anyio.Event()
        self._closed = False

    @contextmanager
    def watch(self, salon_id: str | None) -> Iterator[Topic]:
        """Watch one salon, or all for None, while the block runs.

        Raises:
            TooManySalons: `MOST_SALONS` others are watched already.
        """
        if salon_id not in self._topics:
            if len(self._topics) >= MOST_SALONS:
                raise TooManySalons
            self._topics[salon_id] = Topic()
        topic = self._topics[salon_id]
        topic.closed = self._closed
        topic.viewers += 1
        self._joined.set()
        try:
            yield topic
        finally:
            topic.viewers -= 1
            if not topic.viewers:
                del self._topics[salon_id]

    async def run(self) -> None:
        """Look until cancelled; then everybody is let go."""
        try:
            while True:
                while not self._topics:
                    self._joined = anyio.Event()
                    await self._joined.wait()
                began, known = anyio.current_time(), self._changes()
                await self._look()
                await self._rest(began, known)
        finally:
            self._closed = True
            for topic in self._topics.values():
                topic.close()

    async def _rest(self, began: float, known: tuple[object, ...]) -> None:
        """Rest until a look is worth while: something was done, somebody waits for his first figures, or it is time."""
        ended = anyio.current_time()
        once, full = (ended + max(self._breath, min(n * (ended - began), LONGEST_REST)) for n in (1, REST))
        while (now := anyio.current_time()) < max(full, began + POLL):
            if now >= full and self._changes() != known:
                return
            if now >= once and not all(topic.version for topic in self._topics.values()):
                return
            self._joined = anyio.Event()
            with anyio.move_on_after(self._breath):
                await self._joined.wait()

    async def _look(self) -> None:
        answers = False
        async with _telling(self._topics.values()):
            with anyio.fail_after(PING_LIMIT):  # a database that is gone is told soon
                await ping(self._store)
            answers = True
        if answers:
            await self._look_at_all()
            await self._look_at_salons()

    async def _look_at_all(self) -> None:
        if (topic := self._topics.get(None)) is not None:
            async with _telling([topic]):
                with anyio.fail_after(READ_LIMIT):
                    topic.tell(await read(self._store))

    async def _look_at_salons(self) -> None:
        if topics := {salon_id: topic for salon_id, topic in self._topics.items() if salon_id is not None}:
            async with _telling(topics.values()):
                with anyio.fail_after(READ_LIMIT):
                    found = await read_salons(self._store, list(topics))
                for salon_id, topic in topics.items():
                    topic.tell(found[salon_id])

    def _changes(self) -> tuple[object, ...]:
        """Return what differs after the engine has done anything that the counts may show."""
        vitals = self._vitals
        counters = (vitals.settled_total, vitals.outcomes_total, vitals.receipts_total, vitals.wakes_total)
        return (
            vitals.claimed_total, vitals.rescued_total, vitals.purged_total, *(one.total() for one in counters),
        )  # fmt: skip


@asynccontextmanager
async def _telling(topics: Collection[Topic]) -> AsyncIterator[None]:
    """Tell those whom the block is for, and nobody else, why it failed: what is shown must not stop the engine."""
    try:
        yield
    except (DatabaseUnavailable, TableUnusable, TimeoutError) as error:
        _trouble(
            topics, f"the database does not answer: {silence(error)}", "the figures come by themselves when it does"
        )
    except Exception as bug:  # noqa: BLE001 - whatever it is
        log.exception("web.bug", bug, path="/stats/stream")
        _trouble(topics, "a bug in notifyd", "its log says more: web.bug")
        await anyio.sleep(BUG_PAUSE)


def _trouble(topics: Collection[Topic], error: str, cure: str) -> None:
    for topic in topics:
        topic.trouble(error, cure)
