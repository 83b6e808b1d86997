"""What `migrate` does to a database, and to a table that somebody else made: as little as can be."""

import anyio
import asyncpg
import pytest

from notifyd.store import migrate as migration
from notifyd.store.adopt import INDEXES, TRIGGERS
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.first_count import NAME
from notifyd.store.migrate import ADVISORY_LOCK, MigrationRefused, migrate, migrations
from notifyd.store.table import TableUnusable
from store.shapes import PRISMA, SHAPES, TABLE, catalogue, connected
from support.databases import Databases
from support.jobs import insert_job
from support.waiting import until

PIECES = {f"index {name}" for name in INDEXES} | {f"trigger {name}" for name in TRIGGERS}
"""The steps of an adoption."""


async def test_makes_the_table(empty_database: str) -> None:
    """In an empty database the schema, the table and its pieces are made; the next run finds nothing to do."""
    steps = [step.name for step in await migrate(empty_database)]
    assert ["schema notifyd", *(f"migration {known.name}" for known in migrations()), f"table {TABLE}"] == steps[
        : -len(PIECES)
    ]
    assert set(steps[-len(PIECES) :]) == PIECES
    assert [] == await migrate(empty_database)
    async with connected(empty_database) as connection:
        columns = {name for kind, name in await catalogue(connection) if kind == "column"}
        assert {"run_at", "expires_at"} < columns
        await insert_job(connection)
        rows = await connection.fetch("select status, attempts, max_attempts, error from notification_jobs")
        assert [("pending", 0, 3, None)] == [tuple(row) for row in rows]


@pytest.mark.parametrize("shape", SHAPES)
async def test_adopts(empty_database: str, shape: str) -> None:
    """Of a table that somebody made, no column, default, constraint, full index or option changes, in two runs."""
    async with connected(empty_database) as connection:
        await connection.execute(SHAPES[shape])
        before = await catalogue(connection)
        steps = await migrate(empty_database)
        after = await catalogue(connection)
        assert [] == await migrate(empty_database)
        assert after == await catalogue(connection)
    assert {step.name for step in steps if " notifyd_" in step.name} == PIECES
    assert before == {piece: definition for piece, definition in after.items() if piece in before}
    added = {("partial index", name) for name in INDEXES} | {("trigger", name) for name in TRIGGERS}
    assert added == after.keys() - before.keys()


TYPES = {
    "prisma": ("text", "timestamp"),
    "loose": ("text", "timestamp"),
    "uuid": ("uuid", "timestamptz"),
    "mixed": ("text", "timestamp"),
}
"""The types of `id` and of the moments, by shape."""

HOSTILE = """
create schema evil;
create function evil.now() returns timestamptz language plpgsql as $$ begin raise 'evil'; end $$;
create function evil.gen_random_uuid() returns uuid language plpgsql as $$ begin raise 'evil'; end $$;
create function evil.pg_notify(text, text) returns void language plpgsql as $$ begin raise 'evil'; end $$;
create function evil.pg_typeof(timestamp) returns regtype language plpgsql as $$ begin raise 'evil'; end $$;
create function evil.timezone(text, timestamptz) returns timestamp language plpgsql as $$ begin raise 'evil'; end $$;
create role {role} login password '{password}';
grant usage on schema evil, public to {role};
grant insert, select on notification_jobs to {role};
alter role {role} set search_path = evil, public, pg_catalog;
alter role {role} set datestyle = 'SQL, DMY';
alter role {role} set timezone = 'Asia/Kolkata';
"""
"""A booking system with no right on schema notifyd, a search_path full of traps, and local customs about dates."""


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_plain_insert(databases: Databases, empty_database: str, shape: str) -> None:
    """What an INSERT leaves out is filled, in UTC, whatever rights, search_path, zone and DateStyle its session has."""
    role, id_type, moment = f"booking_{shape}", *TYPES[shape]
    name = empty_database.partition("?")[0].rpartition("/")[2]
    async with connected(empty_database) as admin:
        await admin.execute(SHAPES[shape])
        await migrate(empty_database)
        await admin.execute(HOSTILE.format(role=role, password=databases.cluster.password))
        try:
            async with connected(databases.cluster.dsn(name, user=role)) as booking:
                given = await insert_job(booking, id=await admin.fetchval(f"select gen_random_uuid()::{id_type}"))
                filled = await insert_job(booking)
                dated = await admin.fetchval(f"select '2020-01-02 03:04:05'::{moment}")
                explicit = await insert_job(booking, updated_at=dated)
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await booking.fetch("select * from notifyd.leases")
            rows = await admin.fetch(
                "select id::text, status, attempts, max_attempts, updated_at ="
                " '2020-01-02 03:04:05' as kept, extract(epoch from now() - updated_at at time zone 'UTC') as age"
                " from notification_jobs"
                if moment == "timestamp"
                else "select id::text, status, attempts, max_attempts, updated_at = '2020-01-02 03:04:05' as kept,"
                " extract(epoch from now() - updated_at) as age from notification_jobs"
            )
        finally:
            await admin.execute(f"drop owned by {role} cascade; drop role {role}")
    assert {given, filled, explicit} == {row["id"] for row in rows}
    assert {("pending", 0, 3)} == {(row["status"], row["attempts"], row["max_attempts"]) for row in rows}
    assert {explicit} == {row["id"] for row in rows if row["kept"]}
    assert all(abs(row["age"]) < 60 for row in rows if not row["kept"])


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        ("drop index notifyd_pending", "index notifyd_pending"),
        ("drop index notifyd_open", "index notifyd_open"),
        ("drop index notifyd_finished", "index notifyd_finished"),
        ("drop index notifyd_listed", "index notifyd_listed"),
        ("drop index notifyd_listed_salon", "index notifyd_listed_salon"),
        ("drop index notifyd_called_off", "index notifyd_called_off"),
        ("drop index notifyd_unknown", "index notifyd_unknown"),
        ("drop trigger notifyd_fill on notification_jobs", "trigger notifyd_fill"),
        ("drop trigger notifyd_wake on notification_jobs", "trigger notifyd_wake"),
        ("alter table notification_jobs disable trigger notifyd_wake", "trigger notifyd_wake, disabled"),
        ("alter table notification_jobs enable replica trigger notifyd_fill", "trigger notifyd_fill, disabled"),
        (
            "update pg_index set indisvalid = false where indexrelid = 'notifyd_open'::regclass",
            "index notifyd_open",
        ),
    ],
)
async def test_puts_back_what_was_lost(database: str, connection: asyncpg.Connection, harm: str, named: str) -> None:
    """A dropped, disabled or invalid piece is named by a dry run, which changes nothing, and put back by a real one."""
    whole = await catalogue(connection)
    await connection.execute(harm)
    harmed = await catalogue(connection)
    assert [named] == [step.name for step in await migrate(database, dry_run=True)]
    assert harmed == await catalogue(connection)
    assert [named] == [step.name for step in await migrate(database)]
    assert whole == await catalogue(connection)
    assert [] == await migrate(database)


async def test_dry_run_on_an_empty_database(empty_database: str) -> None:
    """A dry run names the very steps that the real one takes, and leaves nothing behind."""
    announced = await migrate(empty_database, dry_run=True)
    async with connected(empty_database) as connection:
        assert not await connection.fetchval("select exists (select from pg_namespace where nspname = 'notifyd')")
        assert await connection.fetchval("select to_regclass('notification_jobs') is null")
    assert announced == await migrate(empty_database)


async def test_a_locked_table(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that somebody holds is waited for within the limit alone; afterwards the rest is done."""
    monkeypatch.setattr(migration, "LOCK_TIMEOUT", "100ms")
    async with connected(empty_database) as holder:
        await holder.execute(PRISMA)
        async with holder.transaction():
            await holder.execute("lock table notification_jobs in access exclusive mode")
            with pytest.raises(
                MigrationRefused, match="within 100ms, something holds the table; run `notifyd migrate`"
            ):
                await migrate(empty_database)
        assert {*PIECES, NAME} == {step.name for step in await migrate(empty_database)}


async def test_an_open_transaction(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that could not be finished because of an open transaction is built anew by the next run."""
    monkeypatch.setattr(migration, "LOCK_TIMEOUT", "100ms")
    async with connected(empty_database) as holder:
        await holder.execute(PRISMA)
        async with holder.transaction():
            await holder.execute("update notification_jobs set status = 'pending'")
            with pytest.raises(MigrationRefused, match="something holds the table"):
                await migrate(empty_database)
        invalid = "select count(*) from pg_index where indrelid = 'notification_jobs'::regclass and not indisvalid"
        assert 1 == await holder.fetchval(invalid)
        await migrate(empty_database)
        assert 0 == await holder.fetchval(invalid)
    assert [] == await migrate(empty_database)


async def test_two_migrations_at_once(empty_database: str) -> None:
    """Of several at once each either does the work or is refused with the cure; the database is whole afterwards."""
    refusals: list[str] = []

    async def one() -> None:
        try:
            await migrate(empty_database)
        except MigrationRefused as refused:
            refusals.append(str(refused))

    async with anyio.create_task_group() as both:
        for _ in range(4):
            both.start_soon(one)
    assert {"another migration is at work; try again when it has ended"} >= set(refusals)
    assert len(refusals) < 4
    assert [] == await migrate(empty_database)


async def test_a_migration_elsewhere(database: str, connection: asyncpg.Connection) -> None:
    """While another session migrates, a migration is refused at once; a dry run is not."""
    await connection.execute(f"select pg_advisory_lock({ADVISORY_LOCK})")
    with pytest.raises(MigrationRefused, match="another migration is at work"):
        await migrate(database)
    assert [] == await migrate(database, dry_run=True)


async def test_cut_off(empty_database: str) -> None:
    """A migration whose connection is cut says that the database went away, and the next one carries on."""
    waiting = "select pid from pg_stat_activity where application_name = 'notifyd migrate' and wait_event_type = 'Lock'"
    cut_off: list[DatabaseUnavailable] = []

    async def run() -> None:
        try:
            await migrate(empty_database)
        except DatabaseUnavailable as error:
            cut_off.append(error)

    async with (
        connected(empty_database) as holder,
        connected(empty_database) as watcher,
        anyio.create_task_group() as tasks,
    ):
        await holder.execute(PRISMA)
        async with holder.transaction():
            await holder.execute("lock table notification_jobs in access exclusive mode")
            tasks.start_soon(run)
            pid = await until(lambda: watcher.fetchval(waiting))
            await watcher.execute(f"select pg_terminate_backend({pid})")
    assert 1 == len(cut_off)
    assert {*PIECES, NAME} == {step.name for step in await migrate(empty_database)}


async def test_not_the_owner(databases: Databases, empty_database: str) -> None:
    """A role that does not own the table is told to come as the owner."""
    name = empty_database.partition("?")[0].rpartition("/")[2]
    async with connected(empty_database) as admin:
        await admin.execute(PRISMA)
        await admin.execute(f"create role stranger login password '{databases.cluster.password}'")
        try:
            with pytest.raises(MigrationRefused, match="run `notifyd migrate` as the owner of the table"):
                await migrate(databases.cluster.dsn(name, user="stranger"))
        finally:
            await admin.execute("drop owned by stranger; drop role stranger")


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        ("create table notification_jobs (id text primary key)", "has no column salon_id, client_id"),
        (
            "create type state as enum ('pending');"
            + PRISMA.replace("status TEXT NOT NULL DEFAULT 'pending'", "status state"),
            "column status is of type state",
        ),
        (PRISMA.replace("updated_at TIMESTAMP(3)", "updated_at BIGINT"), "column updated_at is of type bigint"),
        (PRISMA.replace(" attempts INTEGER NOT NULL DEFAULT 0", " attempts TEXT"), "column attempts is of type text"),
        ("create view notification_jobs as select 1 as id", "is not an ordinary table"),
    ],
)
async def test_a_table_that_cannot_be_adopted(empty_database: str, made: str, complaint: str) -> None:
    """A table that is none of ours to adopt is refused in words, and stays as it is."""
    async with connected(empty_database) as connection:
        await connection.execute(made)
        before = await catalogue(connection)
        with pytest.raises(TableUnusable, match=complaint):
            await migrate(empty_database)
        assert before == await catalogue(connection)


async def test_a_second_table(database: str) -> None:
    """A database holds one table of jobs: a second one in the same schema is refused with the reason."""
    with pytest.raises(MigrationRefused, match="notifyd serves one table"):
        await migrate(database, "public.other_jobs")
