"""Lets these tests import the benchmark's booking system, and fills a database with it, once for each kind of types."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.salon_schema import TYPES
from benchmarks.salons import rows

from dashboards.reading import indexes, open_reader
from notifyd.dashboards import load
from notifyd.store.pool import Store
from support.databases import Databases


class BookingSystems:
    """Databases that are filled when they are first asked for, and shared: nobody writes to them."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._filled: dict[str, str] = {}

    async def dsn(self, kind: str) -> str:
        """Return that of the one whose types are of this kind."""
        if kind not in self._filled:
            self._filled[kind] = await self._fill(kind)
        return self._filled[kind]

    async def _fill(self, kind: str) -> str:
        dsn = await self._databases.create()
        connection = await asyncpg.connect(dsn)
        await connection.execute(TYPES[kind].tables())
        for table, found in rows().items():
            await TYPES[kind].fill(connection, table, found)
        async with open_reader(dsn) as store:
            for name in ("salon", "conversations", "contacts"):
                for statement in await indexes(store, load(None).dashboards[name]):
                    await connection.execute(statement)
        await connection.close()
        return dsn


@pytest.fixture(scope="session")
def booking_systems(databases: Databases) -> BookingSystems:
    """Give the filled databases of this worker."""
    return BookingSystems(databases)


@pytest.fixture(params=list(TYPES))
async def salons(request: pytest.FixtureRequest, booking_systems: BookingSystems) -> AsyncIterator[Store]:
    """Give the store of a filled booking system, once of each kind."""
    async with open_reader(await booking_systems.dsn(request.param)) as store:
        yield store


@pytest.fixture
async def prisma(booking_systems: BookingSystems) -> AsyncIterator[Store]:
    """Give the store of the one that Prisma made."""
    async with open_reader(await booking_systems.dsn("prisma")) as store:
        yield store
