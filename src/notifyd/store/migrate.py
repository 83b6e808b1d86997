"""Makes the database ready: the schema `notifyd` by numbered migrations, the booking system's table by adoption.

Idempotent; one at a time under an advisory lock; no lock on the booking system's table is waited for longer than
`LOCK_TIMEOUT`. May run as the table's owner only; the daemon itself runs under a role without DDL (`grants`).
"""

from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from notifyd.store.adopt import CREATE_TABLE, Step, missing_pieces
from notifyd.store.connect import AWAY, DatabaseUnavailable, connect
from notifyd.store.first_count import NAME, count_first, planned
from notifyd.store.table import inspect, quoted

LOCK_TIMEOUT = "5s"
"""How long a statement of the migration may wait for, and so hold up others on, the booking system's table."""

STATEMENT_TIMEOUT = 600.0
"""Seconds; building an index on a large adopted table takes its time."""

ADVISORY_LOCK = 0x6E6F_7469_6679_64  # "notifyd"

TRY_LOCK = "select pg_try_advisory_lock($1)"

HISTORY = Step(
    "schema notifyd",
    """create schema if not exists notifyd;
create table if not exists notifyd.migrations (
    name       text primary key,
    applied_at timestamptz not null default now()
);""",
)


class MigrationRefused(Exception):  # noqa: N818 - the refusal of a request
    """The migration could not be carried out; the text names the cure. What was done before it stays done."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of `migrations/`."""

    name: str
    sql: str


def migrations() -> list[Migration]:
    """Return all migrations in their order."""
    folder = files("notifyd.store") / "migrations"
    found = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    return [Migration(item.name.removesuffix(".sql"), item.read_text()) for item in sorted(found, key=lambda i: i.name)]


async def migrate(dsn: str, table: str = "public.notification_jobs", *, dry_run: bool = False) -> list[Step]:
    """Bring a database up to date.

    Args:
        dsn: As the owner of the table, on a direct connection.
        table: `schema.table` or `table`, unquoted. Created where it is missing, adopted where it exists.
        dry_run: Change nothing.

    Returns:
        The steps that were taken (with `dry_run`: that would be), in order; empty when nothing was missing.

    Raises:
        DatabaseUnavailable: The database cannot be reached, or went away.
        MigrationRefused: A lock was not to be had, a right is missing, or it serves another table already.
        notifyd.store.table.TableUnusable: A table of that name exists and is not one of ours to adopt.
    """
    try:
        connection = await connect(
            dsn, server_settings={"application_name": "notifyd migrate", "lock_timeout": LOCK_TIMEOUT}
        )
    except AWAY as error:
        raise DatabaseUnavailable.because(error) from error
    try:
        if not dry_run and not await connection.fetchval(TRY_LOCK, ADVISORY_LOCK):
            raise MigrationRefused("another migration is at work; try again when it has ended")
        return [*await _migrate_schema(connection, dry_run), *await _adopt(connection, table, dry_run)]
    except asyncpg.LockNotAvailableError as error:
        raise MigrationRefused(
            f"a lock was not to be had within {LOCK_TIMEOUT}, something holds the table; run `notifyd migrate` again"
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationRefused(f"{error}; run `notifyd migrate` as the owner of the table") from error
    except asyncpg.DuplicateTableError as error:
        raise MigrationRefused(f"{error}; notifyd serves one table of a database, and this is a second one") from error
    except AWAY as error:
        raise DatabaseUnavailable.because(error) from error
    finally:
        await connection.close(timeout=5)


async def _migrate_schema(connection: asyncpg.Connection, dry_run: bool) -> list[Step]:
    known = await connection.fetchval("select to_regclass('notifyd.migrations')")
    rows = await connection.fetch("select name from notifyd.migrations") if known else []
    applied = {row["name"] for row in rows}
    steps = [] if known else [HISTORY]
    for migration in migrations():
        if migration.name not in applied:
            note = f"insert into notifyd.migrations (name) values ('{migration.name}');"  # noqa: S608 - a file's name
            steps.append(Step(f"migration {migration.name}", f"{migration.sql.strip()}\n{note}"))
    if steps and not dry_run:
        async with connection.transaction():
            for step in steps:
                await connection.execute(step.sql, timeout=STATEMENT_TIMEOUT)
    return steps


async def _adopt(connection: asyncpg.Connection, table: str, dry_run: bool) -> list[Step]:
    steps: list[Step] = []
    if not await connection.fetchval("select to_regclass($1)", quoted(table)):
        steps = [Step(f"table {table}", CREATE_TABLE.replace("{table}", quoted(table)))]
        if dry_run:
            return [*steps, *await missing_pieces(connection, None, table)]
        await connection.execute(steps[0].sql, timeout=STATEMENT_TIMEOUT)
    looked_up = await inspect(connection, table)
    pieces = await missing_pieces(connection, looked_up, table)
    if not dry_run:
        for piece in pieces:  # outside a transaction: an index is built without stopping the booking system's writes
            for statement in piece.statements:
                await connection.execute(statement, timeout=STATEMENT_TIMEOUT)
    if await _counted(connection):
        return [*steps, *pieces]
    if not dry_run:
        await count_first(connection, looked_up)
    return [
        *steps,
        *pieces,
        *([] if steps else [planned(looked_up)]),
    ]  # in a table of our own there is nothing to count


async def _counted(connection: asyncpg.Connection) -> bool:
    """Tell whether what had finished before was counted."""
    if not await connection.fetchval("select to_regclass('notifyd.migrations')"):
        return False
    return bool(await connection.fetchval("select exists (select from notifyd.migrations where name = $1)", NAME))


def grants(table: str, role: str) -> list[str]:
    """Return the statements that give a role exactly what the daemon needs, and no DDL.

    Args:
        table: `schema.table` or `table`, unquoted.
        role: The role's name, unquoted; it must exist.
    """
    schema, _, _ = quoted(table).partition(".")
    to = '"' + role.replace('"', '""') + '"'
    return [
        f"grant usage on schema {schema}, notifyd to {to};",
        f"grant select, update, delete on {quoted(table)} to {to};",
        f"grant select, insert, update, delete on all tables in schema notifyd to {to};",
        f"revoke insert, update, delete on notifyd.migrations from {to};",
        f"grant usage on all sequences in schema notifyd to {to};",
        f"grant execute on all functions in schema notifyd to {to};",
    ]
