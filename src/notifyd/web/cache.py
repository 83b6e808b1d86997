"""Answers that many ask for and one query makes: short-lived, made once at a time, and never served once overtaken.

The load of an answer is given its key and nothing else of the request, so that no answer depends on what is not in its
key: one salon's can never serve another's. A load belongs to the house, not to the viewer who came first: whoever
leaves harms nobody. What a notification has overtaken is not served for even a moment, nor are loads that began before.

Loads that read over one pool stand in one line, so that a slow database keeps nobody waiting but its own viewers. What
depends on no parameter is what all look at, and there is little of it: it has a line of its own, and passes the others.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup

from notifyd.vitals import Vitals
from notifyd.web.copies import Served, Source
from notifyd.web.load import Key, Load
from notifyd.web.places import Places, TooManyLoads
from notifyd.web.revisions import Revisions
from notifyd.web.shelf import Shelf

__all__ = ["OURS", "Cache", "TooManyLoads"]

T = TypeVar("T")

OURS = "\0ours"
"""The word for "notifyd's own counts have changed". No parameter and no notification can hold a NUL."""

MOST_ANSWERS = 2_000

MOST_BYTES = 16 * 1024 * 1024
"""Of all answers kept."""

LOAD_LIMIT = 5.0
"""Seconds that a load may take, once it has a place."""

PACE = 0.25
"""Seconds between the beginnings of two loads of one key, where notifications would have them follow each other."""


class Cache:
    """The answers of one daemon."""

    def __init__(
        self, house: TaskGroup, vitals: Vitals, *, most: int = MOST_ANSWERS, most_bytes: int = MOST_BYTES
    ) -> None:
        """Begin with nothing.

        Args:
            house: Runs the loads; they end with it.
            vitals: Counts what was found, made and thrown away.
            most: Answers kept; those that nobody asked for the longest go first.
            most_bytes: Of these.
        """
        self._house = house
        self._vitals = vitals
        self._shelf: Shelf[Key, Load] = Shelf(most, most_bytes)
        self._loads: dict[Key, Load] = {}
        self._places: defaultdict[tuple[str, bool], Places] = defaultdict(Places)
        self._revisions = Revisions()

    def forget(self, word: str) -> None:
        """Take answers out of date.

        Args:
            word: The value of a parameter, such as a salon's id; `OURS`; empty for all there are.
        """
        if word:
            self._revisions.hear(word)
        else:
            self._revisions.hear_everything()

    async def get(self, source: Source[T], parameters: Mapping[str, str], *, stale: bool = True) -> Served[T]:
        """Return an answer, kept or made.

        Args:
            source: The kind of answer.
            parameters: All that it depends on; whose it is among them.
            stale: Whether one past its time will do, while a new one is made.

        Raises:
            TooManyLoads: It would have to be made, and there is no room to wait, or no place in time.
            TimeoutError: Making it took too long.
            Exception: What making it raised: to all who wait for it, and to whoever asks within a second.
        """
        key = Key(source.name, tuple(sorted(parameters.items())))
        kept = self._shelf.get(key)
        if kept is not None and not self._overtaken(kept):
            age = anyio.current_time() - kept.began
            if age < kept.ttl:
                return self._count("hit", kept).told()
            if stale and kept.copy is not None and age < kept.ttl + source.keep.stale:
                self._renew(kept)
                return self._count("stale", kept).told()
        load = self._loads.get(key)
        if load is None or self._overtaken(load):
            load = self._count("miss", self._begin(source, key))
        else:
            self._count("joined", load)
        await load.done.wait()
        return load.told()

    def _count(self, result: str, load: Load) -> Load:
        self._vitals.cache_requests_total[load.source.name, result] += 1
        return load

    def _renew(self, kept: Load) -> None:
        """Begin to make a new one, where there is room and nobody has begun."""
        if kept.key not in self._loads and not self._places_of(kept.source, kept.key).full:
            self._begin(kept.source, kept.key)

    def _begin(self, source: Source[Any], key: Key) -> Load:
        try:
            self._places_of(source, key).enter()
        except TooManyLoads:
            self._vitals.cache_loads_total[source.name, "refused"] += 1
            raise
        values = tuple(value for _, value in key.parameters)
        load = Load(source, key, (*values, OURS) if source.ours else values)
        overtaken = self._loads.get(key)
        self._loads[key] = load
        self._house.start_soon(self._make, load, overtaken)
        return load

    async def _make(self, load: Load, overtaken: Load | None) -> None:
        try:
            if overtaken is not None:
                await overtaken.done.wait()  # one query of a key at a time
            await self._pace(load.key)
            async with self._places_of(load.source, load.key).taken():
                load.began, load.revision = anyio.current_time(), self._revisions.latest
                with anyio.fail_after(LOAD_LIMIT):
                    load.copy = await load.source.load(dict(load.key.parameters))
        except Exception as error:  # noqa: BLE001 - those who wait are told, and their handlers know what it means
            load.failure, load.trace = error, error.__traceback__
        finally:
            self._end(load)

    async def _pace(self, key: Key) -> None:
        last = self._shelf.get(key)
        if last is not None and self._overtaken(last):
            await anyio.sleep_until(last.began + PACE)

    def _end(self, load: Load) -> None:
        self._places_of(load.source, load.key).leave()
        if self._loads[load.key] is load:
            del self._loads[load.key]
        if load.copy is None and load.failure is None:
            load.failure = TimeoutError()  # the house ends
        self._vitals.cache_loads_total[load.source.name, load.result] += 1
        if load.revision is not None:  # what never began says nothing of the database, and takes no answer's place
            self._vitals.cache_evictions_total += self._shelf.put(load.key, load, load.size)
            self._vitals.cache_answers, self._vitals.cache_bytes = len(self._shelf), self._shelf.weight
        load.done.set()

    def _places_of(self, source: Source[Any], key: Key) -> Places:
        return self._places[source.pool, bool(key.parameters)]

    def _overtaken(self, load: Load) -> bool:
        """Tell whether something was heard after it began; one that waits for its turn will see what was."""
        return load.revision is not None and self._revisions.overtaken(load.revision, load.words)
