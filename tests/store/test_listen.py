"""LISTEN: a wake for every committed insert, one after every reconnect, and word of when wakes may be missed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import asyncpg
import pytest

from notifyd.store import listen as listening
from notifyd.store.listen import CHANGES, CHANNEL, LONGEST_WORD, Ears, listen
from notifyd.store.pool import Store
from notifyd.store.rollups import fold
from store.steps import claimed, complete
from support.jobs import insert_job
from support.waiting import until


@dataclass
class Heard:
    """What came of listening."""

    wakes: int = 0
    counts: int = 0
    changes: list[str] = field(default_factory=list)
    states: list[bool] = field(default_factory=list)

    def wake(self) -> None:
        """Count a wake."""
        self.wakes += 1

    def recount(self) -> None:
        """Count a change of the counts."""
        self.counts += 1


@asynccontextmanager
async def ears(store: Store, dsn: str, *, ready: bool = True) -> AsyncIterator[Heard]:
    """Listen, from the moment when notifications are known to arrive."""
    heard = Heard()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen, store, dsn, Ears(heard.wake, heard.changes.append, heard.recount, heard.states.append))
        if ready:
            await until(lambda: (heard.states, heard.wakes, heard.changes) == ([True], 1, [""]))
        yield heard
        tasks.cancel_scope.cancel()


async def test_a_committed_insert_wakes(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """A commit wakes, once for each transaction however many rows it wrote; a rollback does not."""
    async with ears(store, database) as heard:
        rolled_back = connection.transaction()
        await rolled_back.start()
        await insert_job(connection)
        await rolled_back.rollback()
        async with connection.transaction():
            for _ in range(5):
                await insert_job(connection)
            assert 1 == heard.wakes
        await until(lambda: heard.wakes == 2)
        await insert_job(connection)
        await until(lambda: heard.wakes == 3)


async def test_a_probe_wakes_nobody(
    store: Store, connection: asyncpg.Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probes, ours and other daemons', keep the connection honest and wake nobody."""
    monkeypatch.setattr(listening, "PROBE_EVERY", 0.01)
    probes: list[object] = []
    await connection.add_listener(CHANNEL, lambda *told: probes.append(told[-1]))
    async with ears(store, database) as heard:
        await until(lambda: len(probes) >= 5)
        assert (1, [True]) == (heard.wakes, heard.states)
    assert all(str(probe).startswith("probe ") for probe in probes)
    assert 1 == len(set(probes))
    await connection.remove_listener(CHANNEL, lambda *_: None)


async def test_cut_off(
    store: Store, connection: asyncpg.Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is cut is replaced; one wake stands for whatever was missed."""
    monkeypatch.setattr(listening, "REOPEN_AFTER", 0.05)
    async with ears(store, database) as heard:
        cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query ilike 'listen %'"
        assert 1 == await connection.fetchval(cut)
        await until(lambda: heard.states == [True, False, True])
        assert (2, ["", ""]) == (heard.wakes, heard.changes)
        await insert_job(connection)
        await until(lambda: heard.wakes == 3)


async def test_somebodys_change(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """Any program says whose rows have changed in one line of SQL, when it commits; it wakes nobody."""
    async with ears(store, database) as heard:
        rolled_back = connection.transaction()
        await rolled_back.start()
        await connection.execute(f"notify {CHANGES}, 'never'")
        await rolled_back.rollback()
        await connection.execute(f"notify {CHANGES}, 'salon-1'")
        await connection.execute(f"notify {CHANGES}")
        await until(lambda: heard.changes == ["", "salon-1", ""])
        assert 1 == heard.wakes


async def test_counts_that_others_have_changed(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """A fold tells every daemon that counts have changed, and one that found nothing tells nobody."""
    async with ears(store, database) as heard:
        await complete(store, await claimed(store, connection))
        await until(lambda: heard.wakes == 2)
        assert (1, 0) == (await fold(store), await fold(store))
        await until(lambda: heard.counts == 1)
        await connection.execute(f"notify {CHANGES}, 'later'")
        await until(lambda: heard.changes == ["", "later"])
        assert (2, 1) == (heard.wakes, heard.counts)


async def test_words_that_no_salon_has(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """A payload of a length that no id has is dropped: it would only take up room."""
    async with ears(store, database) as heard:
        for length in (LONGEST_WORD + 1, 7_999, LONGEST_WORD):
            await connection.execute("select pg_notify($1, $2)", CHANGES, "x" * length)
        await until(lambda: heard.changes == ["", "x" * LONGEST_WORD])


async def test_deaf(
    store: Store, connection: asyncpg.Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that LISTENs and hears nothing, as behind a transaction pooler, is told apart: the poll goes on."""
    monkeypatch.setattr(listening, "PROBE_TIMEOUT", 0.2)
    monkeypatch.setattr(listening, "PROBE", "select length($1::text || $2::text)")  # nothing is ever notified
    async with ears(store, database, ready=False) as heard:
        await until(lambda: heard.states == [False])
        await insert_job(connection)
        assert 0 == heard.wakes


async def test_no_open_transaction(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """The listener is idle outside any transaction, so that PostgreSQL can clear its queue."""
    async with ears(store, database):
        states = await connection.fetch("select state from pg_stat_activity where query ilike 'listen %'")
        assert ["idle"] == [row["state"] for row in states]


@pytest.mark.parametrize("dsn", ["postgresql://postgres:wrong@127.0.0.1:{port}/postgres", "postgresql://127.0.0.1:1/x"])
async def test_no_way_in(store: Store, database: str, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A LISTEN_URL that leads nowhere, or is refused, is told and tried again; it never ends the daemon."""
    monkeypatch.setattr(listening, "REOPEN_AFTER", 0.05)
    port = database.partition("@")[2].partition("/")[0].partition(":")[2]
    async with ears(store, dsn.format(port=port), ready=False) as heard:
        await until(lambda: heard.states == [False, False, False])
