"""The cache: one load for many, never an answer that was overtaken, and room that is bounded."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio
import pytest
from anyio.abc import TaskGroup
from hypothesis import given
from hypothesis import strategies as st

from notifyd.vitals import Vitals
from notifyd.web import cache as caching
from notifyd.web import load as loading
from notifyd.web import places
from notifyd.web.cache import OURS, Cache, TooManyLoads
from notifyd.web.copies import Copy, Keep, Source
from notifyd.web.places import PLACES
from support.waiting import until

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
LONG = Keep(ttl=3_600.0, stale=3_600.0)
SALON = {"salon_id": "salon-1"}


@dataclass
class Kitchen:
    """Makes answers when it is told to, and counts them.

    Attributes:
        begun: How many loads have begun, by the salon.
        doors: What a load waits for before it ends; open as long as nobody shuts one.
        trouble: What it raises instead.
    """

    begun: Counter[str] = field(default_factory=Counter)
    door: anyio.Event | None = None
    trouble: Exception | None = None

    async def load(self, given: Mapping[str, str]) -> Copy[str]:
        """Answer with the salon and the number of the load."""
        salon = given.get("salon_id", "")
        self.begun[salon] += 1
        said = f"{salon} {self.begun[salon]}"
        if self.door is not None:
            await self.door.wait()
        if self.trouble is not None:
            raise self.trouble
        return Copy.of(said, {"said": said}, NOON)

    def source(self, keep: Keep = LONG, *, ours: bool = False, name: str = "kitchen") -> Source[str]:
        """Return what is asked for."""
        return Source(name, keep, self.load, ours)


@asynccontextmanager
async def opened(**bounds: int) -> AsyncIterator[tuple[Cache, Vitals]]:
    """Give an empty cache."""
    vitals = Vitals(started_at=anyio.current_time())
    async with anyio.create_task_group() as house:
        yield Cache(house, vitals, **bounds), vitals
        house.cancel_scope.cancel()


async def said(cache: Cache, source: Source[str], given: Mapping[str, str] = SALON) -> str:
    """Ask, and return what the answer says."""
    return (await cache.get(source, given)).copy.value


async def test_a_thousand_viewers_make_one_query() -> None:
    """Whoever comes while an answer is being made waits for it; whoever comes later finds it."""
    kitchen = Kitchen(door=anyio.Event())
    answers: list[str] = []
    async with opened() as (cache, vitals):

        async def view() -> None:
            answers.append(await said(cache, kitchen.source()))

        async with anyio.create_task_group() as viewers:
            for _ in range(1_000):
                viewers.start_soon(view)
            await until(kitchen.begun.total)
            assert kitchen.door is not None
            kitchen.door.set()
        await view()
        assert 1 == kitchen.begun.total()
        assert ["salon-1 1"] * 1_001 == answers
        found = {result: figure for (_, result), figure in vitals.cache_requests_total.items()}
    assert {"miss": 1, "joined": 999, "hit": 1} == found


async def test_whoever_leaves_harms_nobody() -> None:
    """The viewer who came first gives up; those who came after him get their answer, and it is kept."""
    kitchen = Kitchen(door=anyio.Event())
    async with opened() as (cache, _), anyio.create_task_group() as viewers:
        first = anyio.CancelScope()
        answers: list[str] = []

        async def leave() -> None:
            with first:
                await said(cache, kitchen.source())

        async def stay() -> None:
            answers.append(await said(cache, kitchen.source()))

        viewers.start_soon(leave)
        await until(kitchen.begun.total)
        viewers.start_soon(stay)
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        await anyio.wait_all_tasks_blocked()
        assert kitchen.door is not None
        kitchen.door.set()
        await until(lambda: answers)
        assert ["salon-1 1", 1] == [await said(cache, kitchen.source()), kitchen.begun.total()]


async def test_it_is_kept_for_its_time() -> None:
    """An answer past its time is made anew."""
    kitchen = Kitchen()
    source = kitchen.source(Keep(ttl=0.05, stale=0.0))
    async with opened() as (cache, _):
        assert ["salon-1 1", "salon-1 1"] == [await said(cache, source), await said(cache, source)]
        await until(lambda: _says(cache, source, "salon-1 2"))


async def _says(cache: Cache, source: Source[str], text: str) -> bool:
    return text == await said(cache, source)


async def test_past_its_time_it_is_shown_while_a_new_one_is_made() -> None:
    """Nobody waits within the limit, one load is begun for all who ask, and who will not have it waits."""
    kitchen = Kitchen()
    source = kitchen.source(Keep(ttl=0.05, stale=3_600.0))
    async with opened() as (cache, vitals):
        await said(cache, source)
        kitchen.door = anyio.Event()

        async def shown() -> int:
            assert "salon-1 1" == await said(cache, source)
            return vitals.cache_requests_total["kitchen", "stale"] >= 5

        await until(shown)
        assert 2 == kitchen.begun.total()
        kitchen.door.set()
        assert "salon-1 2" == (await cache.get(source, SALON, stale=False)).copy.value


async def test_the_limit_of_staleness() -> None:
    """Beyond time and limit an old answer is not shown: whoever asks waits, however long the new one takes."""
    kitchen = Kitchen()
    source = kitchen.source(Keep(ttl=0.02, stale=0.1))
    async with opened() as (cache, _):
        await said(cache, source)
        kitchen.door = anyio.Event()

        async def waits() -> bool:
            with anyio.move_on_after(0.01) as limit:
                await said(cache, source)
            return limit.cancelled_caught

        await until(waits)
        kitchen.door.set()
        assert "salon-1 2" == await said(cache, source)


@pytest.mark.parametrize(("word", "ours"), [("salon-1", False), ("", False), (OURS, True)])
async def test_what_was_heard_of_is_not_shown_again(word: str, ours: bool) -> None:
    """After a notification the next viewer waits for a new answer, however fresh the old one was."""
    kitchen = Kitchen()
    async with opened() as (cache, _):
        await said(cache, kitchen.source(ours=ours))
        cache.forget(word)
        assert ["salon-1 2", "salon-1 2"] == [await said(cache, kitchen.source(ours=ours)) for _ in range(2)]


@pytest.mark.parametrize("word", ["salon-2", OURS])
async def test_what_was_heard_of_others(word: str) -> None:
    """Another salon's notification, and our own counts where they are not shown, change nothing."""
    kitchen = Kitchen()
    async with opened() as (cache, _):
        await said(cache, kitchen.source())
        cache.forget(word)
        assert "salon-1 1" == await said(cache, kitchen.source())


async def test_a_load_that_was_overtaken() -> None:
    """Who asked before the notification gets what was being made; who asks after it gets what was made after it."""
    kitchen = Kitchen(door=anyio.Event())
    answers: list[str] = []
    async with opened() as (cache, _), anyio.create_task_group() as viewers:

        async def view() -> None:
            answers.append(await said(cache, kitchen.source()))

        viewers.start_soon(view)
        await until(lambda: kitchen.begun.total() == 1)
        cache.forget("salon-1")
        viewers.start_soon(view)
        viewers.start_soon(view)
        await anyio.wait_all_tasks_blocked()
        assert 1 == kitchen.begun.total()  # one query at a time
        assert kitchen.door is not None
        kitchen.door.set()
        await until(lambda: len(answers) == 3)
        assert ["salon-1 1", "salon-1 2", "salon-1 2"] == answers
        assert ["salon-1 2", 2] == [await said(cache, kitchen.source()), kitchen.begun.total()]


async def test_a_flood_of_notifications_is_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often rows change, one answer is made a while after the other, and none is left out."""
    monkeypatch.setattr(caching, "PACE", 0.1)
    kitchen = Kitchen()
    async with opened() as (cache, _):
        start = anyio.current_time()
        while anyio.current_time() < start + 0.35:
            cache.forget("salon-1")
            await said(cache, kitchen.source())
        assert 3 <= kitchen.begun.total() <= 5


async def test_a_failure_is_told_to_all_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """One load fails for all who wait; for a moment it is told again without asking, and then it is tried again."""
    monkeypatch.setattr(loading, "FAILURE_PAUSE", 0.1)
    kitchen = Kitchen(door=anyio.Event(), trouble=LookupError("the database is away"))
    told: list[str] = []
    async with opened() as (cache, vitals), anyio.create_task_group() as viewers:

        async def view() -> None:
            try:
                await said(cache, kitchen.source())
            except LookupError as error:
                told.append(str(error))

        for _ in range(10):
            viewers.start_soon(view)
        await until(kitchen.begun.total)
        assert kitchen.door is not None
        kitchen.door.set()
        await until(lambda: len(told) == 10)
        await view()
        assert (11, 1) == (len(told), kitchen.begun.total())
        kitchen.trouble = None

        async def recovered() -> bool:
            with suppress(LookupError):
                return await _says(cache, kitchen.source(), "salon-1 2")
            return False

        await until(recovered)
        assert (1, 1) == (vitals.cache_loads_total["kitchen", "failed"], vitals.cache_loads_total["kitchen", "made"])


async def test_a_failure_does_not_grow_with_its_audience() -> None:
    """The traceback that each is told is the load's and his own, not everybody's before him."""
    kitchen = Kitchen(trouble=LookupError("once"))
    lengths = []
    async with opened() as (cache, _):
        for _ in range(20):
            with pytest.raises(LookupError) as caught:
                await said(cache, kitchen.source())
            lengths.append(len(caught.traceback))
    assert 1 == len(set(lengths[1:]))


async def test_a_load_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after its limit, and everybody is told."""
    monkeypatch.setattr(caching, "LOAD_LIMIT", 0.05)
    async with opened() as (cache, _):
        with pytest.raises(TimeoutError):
            await said(cache, Kitchen(door=anyio.Event()).source())


async def test_the_end_of_the_house() -> None:
    """Whoever waits for a load when the daemon stops is told, rather than left."""
    kitchen = Kitchen(door=anyio.Event())
    told = anyio.Event()
    async with anyio.create_task_group() as viewers:
        async with anyio.create_task_group() as house:
            cache = Cache(house, Vitals(started_at=0.0))

            async def view() -> None:
                with pytest.raises(TimeoutError):
                    await said(cache, kitchen.source())
                told.set()

            viewers.start_soon(view)
            await until(kitchen.begun.total)
            house.cancel_scope.cancel()
        with anyio.fail_after(5):
            await told.wait()


async def crowd(cache: Cache, kitchen: Kitchen, viewers: TaskGroup, size: int) -> list[str]:
    """Let so many ask for an answer each, until all are under way; returns what they are told, when they are."""
    answers: list[str] = []

    async def view(number: int) -> None:
        answers.append(await said(cache, kitchen.source(), {"salon_id": str(number)}))

    for number in range(size):
        viewers.start_soon(view, number)
    await anyio.wait_all_tasks_blocked()
    return answers


async def test_a_crowd_waits_for_its_turn() -> None:
    """Of many different answers so many are made at once as there are places; the others are made after them."""
    kitchen = Kitchen(door=anyio.Event())
    async with opened() as (cache, vitals), anyio.create_task_group() as viewers:
        answers = await crowd(cache, kitchen, viewers, 200)
        assert PLACES == kitchen.begun.total()
        assert kitchen.door is not None
        kitchen.door.set()
        await until(lambda: len(answers) == 200)
        assert {("kitchen", "made"): 200} == vitals.cache_loads_total


async def test_there_is_room_for_so_many_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the line is long a further answer is refused at once, and counted; one that is being made is not."""
    monkeypatch.setattr(places, "MOST_LOADS", 10)
    kitchen = Kitchen(door=anyio.Event())
    async with opened() as (cache, vitals), anyio.create_task_group() as viewers:
        await crowd(cache, kitchen, viewers, 10)
        with pytest.raises(TooManyLoads):
            await said(cache, kitchen.source(), {"salon_id": "one more"})
        viewers.start_soon(said, cache, kitchen.source(), {"salon_id": "0"})
        await anyio.wait_all_tasks_blocked()
        assert kitchen.door is not None
        kitchen.door.set()
        await until(lambda: vitals.cache_loads_total["kitchen", "made"] == 10)
        assert "one more 1" == await said(cache, kitchen.source(), {"salon_id": "one more"})
        assert 1 == vitals.cache_loads_total["kitchen", "refused"]


async def test_nobody_stands_in_line_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose turn does not come in time is refused and counted; what was kept for him stays, and he may try again."""
    monkeypatch.setattr(places, "PATIENCE", 0.05)
    kitchen = Kitchen()
    fleeting = kitchen.source(Keep(ttl=0.0, stale=3_600.0))
    async with opened() as (cache, vitals), anyio.create_task_group() as viewers:
        await said(cache, fleeting)
        kitchen.door = anyio.Event()
        await crowd(cache, kitchen, viewers, PLACES)
        with pytest.raises(TooManyLoads):
            await cache.get(fleeting, SALON, stale=False)
        assert 1 == vitals.cache_loads_total["kitchen", "refused"]
        monkeypatch.undo()
        assert "salon-1 1" == await said(cache, fleeting)
        kitchen.door.set()
        assert "salon-1 2" == (await cache.get(fleeting, SALON, stale=False)).copy.value


@pytest.mark.parametrize(("name", "given"), [("kitchen", {}), ("cellar/wine", SALON)])
async def test_who_does_not_stand_in_that_line(name: str, given: dict[str, str]) -> None:
    """What depends on nothing, and what is read over another pool, is made while a crowd waits for what is slow."""
    slow, quick = Kitchen(door=anyio.Event()), Kitchen()
    async with opened() as (cache, _), anyio.create_task_group() as viewers:
        await crowd(cache, slow, viewers, 50)
        with anyio.fail_after(2):
            await said(cache, quick.source(name=name), given)
        assert PLACES == slow.begun.total()
        viewers.cancel_scope.cancel()


async def test_sources_of_one_pool_share_its_places() -> None:
    """Two dashboards together are given no more places than one."""
    kitchen = Kitchen(door=anyio.Event())
    async with opened() as (cache, _), anyio.create_task_group() as viewers:
        for name in ("dashboards/salon", "dashboards/contacts"):
            for number in range(PLACES):
                viewers.start_soon(said, cache, kitchen.source(name=name), {"salon_id": str(number)})
        await anyio.wait_all_tasks_blocked()
        assert PLACES == kitchen.begun.total()
        viewers.cancel_scope.cancel()


async def test_who_keeps_the_pace_holds_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that were overtaken and wait for their moment do not keep others from being made."""
    monkeypatch.setattr(caching, "PACE", 3_600.0)
    kitchen = Kitchen()
    async with opened() as (cache, _), anyio.create_task_group() as viewers:
        for _ in range(2):
            await crowd(cache, kitchen, viewers, PLACES)
            cache.forget("")
        with anyio.fail_after(2):
            await said(cache, kitchen.source())
        assert PLACES + 1 == kitchen.begun.total()
        viewers.cancel_scope.cancel()


async def test_the_room_is_bounded() -> None:
    """Answers that nobody asks for make room, which is counted; the gauges tell what is there."""
    kitchen = Kitchen()
    async with opened(most=3) as (cache, vitals):
        for number in range(5):
            await said(cache, kitchen.source(), {"salon_id": str(number)})
        assert (3, 2) == (vitals.cache_answers, vitals.cache_evictions_total)
        assert vitals.cache_bytes > 3 * loading.OVERHEAD
        await said(cache, kitchen.source(), {"salon_id": "4"})
        await said(cache, kitchen.source(), {"salon_id": "0"})
    assert {"0": 2, "4": 1} == {salon: kitchen.begun[salon] for salon in ("0", "4")}


@given(st.lists(st.dictionaries(st.sampled_from(["salon_id", "location_id", "a"]), st.text(max_size=3), max_size=3)))
async def test_a_key_never_serves_another(asked: list[dict[str, str]]) -> None:
    """Whatever is asked for, in whatever order, the answer was made from exactly these parameters and this kind."""
    async with opened(most=4) as (cache, _):

        def source(name: str) -> Source[tuple[str, dict[str, str]]]:
            async def load(given: Mapping[str, str]) -> Copy[tuple[str, dict[str, str]]]:
                return Copy.of((name, dict(given)), {}, NOON)

            return Source(name, LONG, load)

        for parameters in asked + asked:
            for name in ("one", "other"):
                assert (name, parameters) == (await cache.get(source(name), parameters)).copy.value


def test_the_etag_names_what_is_said() -> None:
    """The same counts a minute later have the same etag and another body; other counts have another."""
    first, later, other = (
        Copy.of(None, {"as_of": minute, "jobs": jobs}, NOON)
        for minute, jobs in (("12:00", 1), ("12:01", 1), ("12:01", 2))
    )
    assert first.etag == later.etag != other.etag
    assert b'{"as_of":"12:01","jobs":1}\n' == later.body
