"""Fixtures for every test: databases on a real server, made once for each worker, and hypothesis' profiles."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from notifyd.demo.postgres import Cluster
from notifyd.store.pool import Store, open_store
from store.shapes import TABLE
from support.databases import Databases, private_cluster
from support.world import World, open_world

pytest_plugins = ["crash.plugin"]

_SERVERS = {"databases", "restartable", "scratch", "durable"}  # fixtures that lead to a PostgreSQL server

settings.register_profile("small", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("large", settings.get_profile("small"), max_examples=1_000)
settings.register_profile("interleavings", settings.get_profile("small"), max_examples=10_000)  # tests/interleavings
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("large" if os.environ.get("CI") == "true" else "small"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that depend on PostgreSQL, so that they can be run alone on another major: `-m database`."""
    for item in items:
        if _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Give a maker of databases on a server that all tests of this worker share: nobody may stop it."""
    with private_cluster() as cluster:
        yield Databases(cluster)


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[str]:
    """Give the DSN of a database of one's own, with the table that notifyd made and all that belongs to it."""
    dsn = await databases.create()
    yield dsn
    await databases.drop(dsn)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    """Give the superuser's connection to `database`: the booking system, or whoever else meddles."""
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """Give the store as the engine has it, on `database`."""
    async with open_store(database, TABLE, connections=4) as opened:
        yield opened


@pytest.fixture
async def empty_database(databases: Databases) -> AsyncIterator[str]:
    """Give the DSN of a database of one's own with nothing in it."""
    dsn = await databases.create(migrated=False)
    yield dsn
    await databases.drop(dsn)


@pytest.fixture
async def kolkata_database(databases: Databases) -> AsyncIterator[str]:
    """Give what `database` gives, on a server whose zone is five and a half hours from UTC."""
    dsn = await databases.create(timezone="Asia/Kolkata")
    yield dsn
    await databases.drop(dsn)


@pytest.fixture
def restartable() -> Iterator[Cluster]:
    """Give a server of one's own that may be stopped, killed and started again; `Databases(restartable)` fills it."""
    with private_cluster() as cluster:
        yield cluster


@pytest.fixture
async def world(databases: Databases, database: str, tmp_path: Path) -> AsyncIterator[World]:
    """Give a migrated database, a daemon's role on it, a mail sink and a Twilio stand-in."""
    async with open_world(databases.cluster, database, tmp_path) as made:
        yield made
