"""Every statement of the store, against every shape of the table: PostgreSQL takes it."""

import asyncpg
import pytest

from notifyd.store.jobs import CLAIM
from notifyd.store.migrate import migrate
from notifyd.store.statements import PINNED, UNNAMED, name_of, statements
from notifyd.store.table import inspect
from store.shapes import SHAPES, TABLE, connected

FREE = {
    "adopt", "catalogue", "explain", "first_count", "listing", "migrate", "ping", "proof", "proven", "server", "stats",
    "table", "verify",
}  # fmt: skip
"""The modules whose statements are planned freely: counts, lists, and the catalogue."""


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
        "listing.LIST_SALON",
    } < statements().keys()


def test_every_module_says_how_it_is_planned() -> None:
    """A new module with statements is put among the engine's, or among those that the planner is left with."""
    assert PINNED | FREE == {name.partition(".")[0] for name in statements()}
    assert not PINNED & FREE


def test_a_statement_has_the_name_of_its_constant() -> None:
    """What is no constant of the store has none of its own, so that names stay few."""
    assert "jobs.CLAIM" == name_of(CLAIM)
    assert UNNAMED == name_of("select 1")


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
