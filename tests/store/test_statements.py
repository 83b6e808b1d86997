"""Every statement of the store, against every shape of the table: PostgreSQL takes it."""

import importlib
import pkgutil
import re

import asyncpg
import pytest

from notifyd import store as package
from notifyd.store.migrate import migrate
from notifyd.store.table import inspect
from store.shapes import SHAPES, TABLE, connected

STATEMENT = re.compile(r"\s*(select|with|insert|update|delete)\b")


def statements() -> dict[str, str]:
    """Return every SQL constant of the store that is one statement, by `module.NAME`."""
    modules = [
        importlib.import_module(f"notifyd.store.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str) and STATEMENT.match(value)
    }


def test_the_statements_are_found() -> None:
    """The search for constants sees those of every module that has any."""
    assert {
        "jobs.CLAIM",
        "jobs.RENEW",
        "deliveries.INTEND",
        "record.RECORD",
        "schedule.PROMOTE",
        "rescue.RESCUE",
        "retention.PURGE",
        "table.INSPECT",
        "listen.PROBE",
        "stats.COUNT_ALL",
    } < statements().keys()


@pytest.mark.parametrize("shape", [*SHAPES, "ours"])
async def test_postgresql_takes_them(empty_database: str, shape: str) -> None:
    """Each statement, its placeholders filled, can be prepared."""
    async with connected(empty_database) as connection:
        await connection.execute(SHAPES.get(shape, "select"))
        await migrate(empty_database)
        table = await inspect(connection, TABLE)
        for name, sql in statements().items():
            try:
                await connection.prepare(table.bind(sql))
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}")
