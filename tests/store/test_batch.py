"""Batches: they grow with the load, keep the order, isolate what PostgreSQL refuses, and outlast an outage."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.store import pool
from notifyd.store.batch import LARGEST_ROUND, Batch
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.pool import open_store
from notifyd.store.table import TableUnusable


@dataclass
class Statement:
    """A statement that takes time, refuses poison, and shows what it was given.

    Attributes:
        poison: Items that the whole statement fails with.
        rounds: What it was asked to write, refused or not.
        written: What it wrote, in order.
        gate: Holds up whoever writes until it is set.
        away: How many times more the database is away.
    """

    poison: frozenset[int] = frozenset()
    rounds: list[list[int]] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    gate: anyio.Event = field(default_factory=anyio.Event)
    away: int = 0

    async def __call__(self, items: Sequence[int]) -> list[int | None]:
        """Write."""
        self.rounds.append(list(items))
        await self.gate.wait()
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable("gone")
        if refused := self.poison & set(items):
            raise ValueError(min(refused))
        self.written.extend(items)
        return [None if item % 2 else item * 10 for item in items]


@asynccontextmanager
async def running(statement: Callable[[Sequence[int]], object]) -> AsyncIterator[Batch[int, int | None]]:
    """Give a batch whose loop runs; nothing in it may take longer than a few seconds."""
    batch: Batch[int, int | None] = Batch(statement)  # type: ignore[arg-type]
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(batch.run)
            yield batch
            tasks.cancel_scope.cancel()


async def test_what_comes_meanwhile_goes_together() -> None:
    """While one statement is under way the next one gathers; nobody waits for a timer, each hears of its own result."""
    statement = Statement()
    async with running(statement) as batch:
        tickets = [batch.put(0)]
        await anyio.wait_all_tasks_blocked()
        tickets += [batch.put(item) for item in range(1, 6)]
        await anyio.wait_all_tasks_blocked()
        assert [[0]] == statement.rounds
        statement.gate.set()
        assert [0, None, 20, None, 40, None] == [await ticket.written() for ticket in tickets]
    assert [[0], [1, 2, 3, 4, 5]] == statement.rounds


async def test_a_round_has_its_limit() -> None:
    """No statement grows beyond the limit, and the order is kept."""
    statement = Statement()
    many = 2 * LARGEST_ROUND + 7
    async with running(statement) as batch:
        tickets = [batch.put(item) for item in range(many)]
        statement.gate.set()
        for ticket in tickets:
            await ticket.written()
    assert list(range(many)) == statement.written
    assert LARGEST_ROUND == max(len(items) for items in statement.rounds)
    assert 3 == len(statement.rounds)


@given(st.integers(1, 60), st.frozensets(st.integers(0, 59), max_size=6))
def test_poison_is_isolated(count: int, poison: frozenset[int]) -> None:
    """Whatever is refused is refused alone: all others are written, in order, and hear of it."""

    async def scenario() -> None:
        statement = Statement(poison)
        statement.gate.set()
        async with running(statement) as batch:
            tickets = [batch.put(item) for item in range(count)]
            for item, ticket in enumerate(tickets):
                if item in poison:
                    with pytest.raises(ValueError, match=f"^{item}$"):
                        await ticket.written()
                else:
                    assert (None if item % 2 else item * 10) == await ticket.written()
        assert [item for item in range(count) if item not in poison] == statement.written

    anyio.run(scenario)


async def test_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost database is no fault of an item: the same statement is tried until it works, the next one waits."""
    monkeypatch.setattr(pool, "OUTAGE_PAUSE", 0.01)
    statement = Statement(away=3)
    statement.gate.set()
    async with running(statement) as batch:
        first = batch.put(1)
        await anyio.wait_all_tasks_blocked()
        second = batch.put(2)
        assert (None, 20) == (await first.written(), await second.written())
    assert [[1], [1], [1], [1], [2]] == statement.rounds


async def test_nobody_waits() -> None:
    """An item is written even if whoever put it was cut off meanwhile."""
    statement = Statement()
    async with running(statement) as batch:
        with anyio.move_on_after(0) as cut_off:
            await batch.put(1).written()
        assert cut_off.cancelled_caught
        statement.gate.set()
        assert 20 == await batch.put(2).written()
    assert [1, 2] == statement.written


async def test_many_wait_for_one() -> None:
    """A result can be asked for twice, before and after."""
    statement = Statement()
    async with running(statement) as batch:
        ticket = batch.put(4)
        statement.gate.set()
        assert [40, 40] == [await ticket.written(), await ticket.written()]


async def test_a_missing_table_ends_it() -> None:
    """What no item can be blamed for ends the loop, and with it the daemon, instead of refusing item after item."""

    async def refuse(_items: Sequence[int]) -> list[int | None]:
        raise TableUnusable("there is no table")

    with pytest.RaisesGroup(TableUnusable):
        async with running(refuse) as batch:
            await batch.put(1).written()


async def test_poison_that_postgresql_refuses(database: str) -> None:
    """With a real statement: one item that a column does not take is found among hundreds."""
    async with open_store(database, "notification_jobs", connections=1) as store:

        async def write(items: Sequence[int]) -> list[int | None]:
            texts = [f"poison {item}\0" if item == 333 else str(item) for item in items]
            return [row[0] for row in await store.fetch("select t::int from unnest($1::text[]) t", texts)]

        async with running(write) as batch:
            tickets = [batch.put(item) for item in range(400)]
            for item, ticket in enumerate(tickets):
                if item == 333:
                    with pytest.raises(asyncpg.DataError):
                        await ticket.written()
                else:
                    assert item == await ticket.written()
