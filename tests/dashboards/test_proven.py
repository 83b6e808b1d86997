"""What proving a definition costs, where its fallbacks are needed: on the tables that Rails makes."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from benchmarks.salon_schema import TYPES

from dashboards.reading import open_reader
from notifyd.dashboards import load
from notifyd.store.pool import Store
from notifyd.store.proven import proven_for
from notifyd.store.statements import UNNAMED
from notifyd.store.unusable import Unreadable
from support.databases import Databases

SALON = load(None).dashboards["salon"]

JSONB = {"vip_clients_jsonb.sql": "vip_clients.sql"}


@pytest.fixture
async def rails(databases: Databases) -> AsyncIterator[str]:
    """Give a booking system of one's own without a row."""
    dsn = await databases.create()
    connection = await asyncpg.connect(dsn)
    await connection.execute(TYPES["rails"].tables())
    await connection.close()
    yield dsn
    await databases.drop(dsn)


def asked(store: Store) -> int:
    """Return how many statements without a name were sent: proofs have none."""
    return store.watch.vitals.statements[UNNAMED].count


@pytest.mark.parametrize("pooled", [False, True])
async def test_a_misfit_is_no_error(rails: str, pooled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is no error; the next proof tries what comes before a fallback, and finds what fits by now."""
    async with open_reader(rails, pooled=pooled) as store:
        assert JSONB == (await proven_for(store, SALON)).instead
        assert {} == dict(store.watch.vitals.errors_total)
        first = asked(store)
        monkeypatch.setattr("notifyd.store.proven.AGAIN", 0.0)  # the minute is over
        assert JSONB == (await proven_for(store, SALON)).instead
        assert 2 == asked(store) - first, "`vip_clients.sql`, its id as text and as uuid"
        connection = await asyncpg.connect(rails)
        await connection.execute("alter table clients alter tags type text[] using '{}'")
        await connection.close()
        assert {} == (await proven_for(store, SALON)).instead
        assert {} == dict(store.watch.vitals.errors_total)


async def test_a_missing_right_is_an_error(rails: str) -> None:
    """What nobody expects of a proof is counted as ever."""
    async with open_reader(rails) as store:
        await store.fetch_unbound("set role pg_monitor")
        with pytest.raises(Unreadable):
            await proven_for(store, SALON)
        assert {"not_migrated": 1} == dict(store.watch.vitals.errors_total)
