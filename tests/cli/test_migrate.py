"""`notifyd migrate` and `notifyd stats` against a real database, as an operator runs them."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from support.command_line import CommandLine
from support.databases import Databases
from support.jobs import insert_job


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection of the test's own."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def test_migrate_twice(notifyd: CommandLine, empty_database: str) -> None:
    """The first run makes everything, the second finds nothing to do; both print the GRANTs and exit with 0."""
    first = notifyd("migrate", DATABASE_URL=empty_database)
    second = notifyd("migrate", DATABASE_URL=empty_database)
    assert (0, "", 0, "") == (first.code, first.err, second.code, second.err)
    assert "-- done: table public.notification_jobs\n" in first.out
    assert second.out.startswith("-- Nothing to do: the database is up to date.\n")
    assert 'grant select, update, delete on "public"."notification_jobs" to "notifyd";' in second.out


async def test_dry_run_is_the_migration(notifyd: CommandLine, empty_database: str) -> None:
    """`--dry-run` changes nothing, and what it prints is SQL that does what the migration would have done."""
    dry = notifyd("migrate", "--dry-run", "--role", "postgres", DATABASE_URL=empty_database)
    async with connected(empty_database) as connection:
        assert None is await connection.fetchval("select to_regclass('notification_jobs')")
        for statement in (line for line in dry.out.split(";\n") if "concurrently" in line or "trigger" in line):
            assert statement.strip().startswith(("--", "create"))
    assert 0 == dry.code
    assert "-- migration 0001_ledger" in dry.out


async def test_the_role_of_the_grants(notifyd: CommandLine, databases: Databases, database: str) -> None:
    """A role with the printed GRANTs can count; without them the error names the way out."""
    name = urlsplit(database).path.strip("/")
    async with connected(database) as connection:
        await connection.execute(f"create role clerk login password '{databases.cluster.password}'")
        as_clerk = databases.cluster.dsn(name, user="clerk")
        try:
            before = notifyd("stats", DATABASE_URL=as_clerk)
            assert (1, "") == (before.code, before.out)
            assert "GRANTs" in before.err

            grants = notifyd("migrate", "--role", "clerk", DATABASE_URL=database).out
            await connection.execute(grants)
            after = notifyd("stats", DATABASE_URL=as_clerk)
            assert (0, "") == (after.code, after.err)
        finally:
            await connection.execute("drop owned by clerk; drop role clerk")


async def test_migrate_as_json(notifyd: CommandLine, empty_database: str) -> None:
    """`--json` holds the steps with their SQL, and the GRANTs."""
    answer = json.loads(notifyd("migrate", "--dry-run", "--json", DATABASE_URL=empty_database).out)
    assert ["dry_run", "steps", "grants"] == list(answer)
    assert "schema notifyd" == answer["steps"][0]["name"]
    assert "create schema" in answer["steps"][0]["sql"]


async def test_another_table(notifyd: CommandLine, empty_database: str) -> None:
    """TABLE decides which table is made."""
    notifyd("migrate", DATABASE_URL=empty_database, NOTIFYD_TABLE="Jobs")
    async with connected(empty_database) as connection:
        assert await connection.fetchval("select to_regclass('public.\"Jobs\"') is not null")


async def test_stats(notifyd: CommandLine, database: str) -> None:
    """The table shows the counts, and `--json` the same; `--salon` counts one salon alone."""
    async with connected(database) as connection:
        for salon in ("rosa", "rosa", "verde"):
            await insert_job(connection, salon_id=salon)
    table = notifyd("stats", DATABASE_URL=database)
    assert (0, "") == (table.code, table.err)
    assert re.search(r"│ pending +│ +3 │", table.out)
    figures = json.loads(notifyd("stats", "--json", DATABASE_URL=database).out)
    of_rosa = json.loads(notifyd("stats", "--json", "--salon", "rosa", DATABASE_URL=database).out)
    assert (3, 2) == (figures["jobs"]["pending"], of_rosa["jobs"]["pending"])
    assert {"as_of", "jobs", "partial", "oldest_due_s", "channels"} <= figures.keys()


async def test_stats_without_a_table(notifyd: CommandLine, empty_database: str) -> None:
    """A database that was never migrated is told so, with the cure."""
    answer = notifyd("stats", DATABASE_URL=empty_database)
    assert (1, "") == (answer.code, answer.out)
    assert "run `notifyd migrate`" in answer.err


@pytest.mark.parametrize("verb", ["migrate", "stats"])
def test_no_database_there(notifyd: CommandLine, verb: str) -> None:
    """A database that cannot be reached exits with 3 and one line without the password."""
    answer = notifyd(verb, DATABASE_URL="postgresql://notifyd:hunter2@127.0.0.1:1/bookings")
    assert (3, "") == (answer.code, answer.out)
    assert answer.err.startswith("notifyd: the database could not be reached: ")
    assert "hunter2" not in answer.err


@pytest.mark.parametrize("verb", ["migrate", "stats"])
async def test_wrong_password(notifyd: CommandLine, database: str, verb: str) -> None:
    """A password that is not accepted exits with 3, names the key, and shows neither password."""
    parts = urlsplit(database)
    assert "passfile" in parse_qs(parts.query)
    wrong = parts._replace(netloc=f"{parts.username}:hunter2@{parts.hostname}:{parts.port}", query="").geturl()
    answer = notifyd(verb, DATABASE_URL=wrong)
    assert 3 == answer.code
    assert "user or the password is not accepted; see NOTIFYD_DATABASE_URL" in answer.err
    assert "hunter2" not in answer.err


def test_no_configuration(notifyd: CommandLine) -> None:
    """Without a database address the key is named, with exit code 2."""
    answer = notifyd("migrate")
    assert 2 == answer.code
    assert "NOTIFYD_DATABASE_URL: is not set; write postgresql://" in answer.err


def test_traceback_on_demand(notifyd: CommandLine) -> None:
    """Errors come without a traceback, unless the log level asks for it."""
    assert "Traceback" not in notifyd("migrate").err
    assert "Traceback" in notifyd("migrate", NOTIFYD_LOG_LEVEL="debug").err
