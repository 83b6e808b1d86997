"""What notifyd needs on the booking system's table: two triggers and a few partial indexes, nothing else.

The table belongs to somebody's migration tool. A `prisma db push` drops or trips over columns, defaults and full
indexes that it does not know, and leaves triggers, partial indexes and other schemas alone; so those are all we use.
The triggers run inside the booking's transaction and must never be able to fail it.
"""

from dataclasses import dataclass

import asyncpg

from notifyd.model.job import State
from notifyd.store.table import UNKNOWN_STATUS, Table, quoted


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be done to the database.

    Attributes:
        name: What it makes, for people.
        sql: One or several statements, each ending in a semicolon.
    """

    name: str
    sql: str

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements one by one; those of an adoption hold no semicolon inside."""
        return tuple(part.strip() + ";" for part in self.sql.split(";") if part.strip())


CREATE_TABLE = """create table {table} (
    id             text primary key default gen_random_uuid()::text,
    salon_id       text not null,
    client_id      text not null,
    appointment_id text,
    type           text not null,
    payload        text not null,
    status         text not null default 'pending',
    attempts       integer not null default 0,
    max_attempts   integer not null default 3,
    error          text,
    created_at     timestamp(3) not null default (now() at time zone 'UTC'),
    updated_at     timestamp(3) not null default (now() at time zone 'UTC'),
    processed_at   timestamp(3),
    run_at         timestamptz,
    expires_at     timestamptz
) with (fillfactor = 80);
"""

TIE = 'hashtextextended(id::text collate "C", 0)'
"""Orders rows of one `created_at`: 64 bits, since an id may be longer than an index entry."""

SALON = 'hashtextextended(salon_id::text collate "C", 0)'

LISTED = "('' || status) in ({})".format(", ".join(f"'{state}'" for state in State))
"""Which rows are listed. Written the other way round, so that no statement of the engine is ever planned on the lists'
indexes; and of our states alone, since a status of somebody else's may be longer than an index entry."""

INDEXES = {
    "notifyd_pending": "(updated_at) where (status || '') = 'pending'",
    "notifyd_open": "((status || '')) where (status || '') in ('processing', 'scheduled', 'held')",
    "notifyd_finished": (
        "((status || ''), ({finished_at})) where (status || '') in ('completed', 'failed', 'cancelled')"
    ),
    "notifyd_called_off": "(updated_at) where (status || '') = 'cancelled' and processed_at is null",
    "notifyd_unknown": "(updated_at) where {unknown_status}",
    "notifyd_listed": f"(('' || status), created_at, ({TIE})) where {LISTED}",
    "notifyd_listed_salon": f"(({SALON}), ('' || status), created_at, ({TIE})) where {LISTED}",
}

TRIGGERS = {
    "notifyd_fill": (
        "before insert on {table} for each row "
        "when (new.id is null or new.status is null or new.attempts is null or new.max_attempts is null"
        " or new.created_at is null or new.updated_at is null) "
        "execute function notifyd.fill_job()"
    ),
    "notifyd_wake": "after insert on {table} for each statement execute function notifyd.wake()",
}

PRESENT = """
select c.relname::text as name, i.indisvalid as valid
from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid where i.indrelid = to_regclass($1)
union all
select tgname::text, tgenabled in ('O', 'A')
from pg_catalog.pg_trigger where tgrelid = to_regclass($1) and not tgisinternal
"""


async def missing_pieces(connection: asyncpg.Connection, table: Table | None, name: str) -> list[Step]:
    """Return the steps that put back what the table lacks; empty when it is all there.

    Args:
        connection: Any connection to the database.
        table: The table as it is; None where it does not exist yet.
        name: `schema.table` or `table`, unquoted.
    """
    rows = await connection.fetch(PRESENT, quoted(name))
    present = {row["name"]: row["valid"] for row in rows}
    finished_at = table.finished_at if table else "coalesce(processed_at, updated_at)"
    steps = []
    for index, definition in INDEXES.items():
        if not present.get(index):
            spoilt = f"drop index concurrently {_beside(name, index)};\n" if index in present else ""
            build = f"create index concurrently {index} on {quoted(name)} {definition};"
            for placeholder, piece in (("{finished_at}", finished_at), ("{unknown_status}", UNKNOWN_STATUS)):
                build = build.replace(placeholder, piece)
            steps.append(Step(f"index {index}", spoilt + build))
    steps.extend(
        Step(f"trigger {trigger}", f"create trigger {trigger} {definition.replace('{table}', quoted(name))};")
        for trigger, definition in TRIGGERS.items()
        if trigger not in present
    )
    steps.extend(
        Step(f"trigger {trigger}, disabled", f"alter table {quoted(name)} enable trigger {trigger};")
        for trigger in TRIGGERS
        if present.get(trigger) is False
    )
    return steps


def _beside(table: str, index: str) -> str:
    """Name an index in the schema of its table."""
    schema, _, _ = table.rpartition(".")
    return quoted(f"{schema or 'public'}.{index}")
