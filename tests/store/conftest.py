"""Fixtures for the store: a connection of the test's own beside the store that is tested."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from notifyd.store.pool import Store, open_store
from store.shapes import TABLE


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    """Give the superuser's connection to `database`: the booking system, or whoever else meddles."""
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """Give the store as the engine has it."""
    async with open_store(database, TABLE, connections=4) as opened:
        yield opened
