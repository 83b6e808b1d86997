"""Knows the booking system's table as it is: the types of its columns, and which optional columns it has.

Our statements name the table and the type-dependent pieces by placeholders, filled in here once. The table is somebody
else's: it is looked at, never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from notifyd.model.job import State
from notifyd.store.tally import LONGEST_TYPE, NO_TYPE, PARTIAL, PARTS, PURGED, TALLY

REQUIRED = (
    "id",
    "salon_id",
    "client_id",
    "appointment_id",
    "type",
    "payload",
    "status",
    "attempts",
    "max_attempts",
    "error",
    "created_at",
    "updated_at",
    "processed_at",
)
"""The columns of the contract (`docs/architecture.md`)."""

TYPES = {
    "status": ("text", "character varying"),
    "attempts": ("integer", "bigint"),
    "max_attempts": ("integer", "bigint"),
    "created_at": ("timestamp",),
    "updated_at": ("timestamp",),
    "processed_at": ("timestamp",),
}
"""How the types begin that our statements and indexes can work with; an enum cannot take the states that we add."""


FREE = """coalesce(
        (select true from {table} j where j.id = mine.job_id::{id_type} for no key update skip locked),
        not exists (select from {table} j where j.id = mine.job_id::{id_type})
    )"""
"""Whether the row of `mine.job_id` can be written without waiting, and is locked for it, or is gone altogether.

False where a transaction of the booking system holds it: we neither wait for it, and hold up other jobs meanwhile, nor
can the booking system lose a deadlock to us. The lock is weaker than FOR UPDATE: a foreign key to the row is no hurdle.
"""

UNKNOWN_STATUS = "array_position(array[{}], status::text) is null".format(", ".join(f"'{state}'" for state in State))
"""Whether a row's status is none of the contract's; literally the predicate of the index that finds such rows.

Of `is null` the planner expects few, of `not in` nearly all.
"""


class TableUnusable(Exception):  # noqa: N818 - the state of the table, in the words of the journal
    """The table is missing or lacks columns; the text names the cure."""


def quoted(name: str) -> str:
    """Quote `schema.table` or `table` for use in SQL; a bare name means the schema `public`."""
    schema, _, table = name.rpartition(".")
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema or "public", table))


@dataclass(frozen=True, slots=True)
class Table:
    """The booking system's table.

    Attributes:
        name: Schema-qualified and quoted.
        types: Every column's type, as `format_type` names it, by column.
    """

    name: str
    types: Mapping[str, str]

    def bind(self, sql: str) -> str:
        """Fill the placeholders of one statement."""
        pieces = {
            "{free}": FREE,
            "{table}": self.name,
            "{id_type}": self.types["id"],
            "{updated_now}": self._now("updated_at"),
            "{processed_now}": self._now("processed_at"),
            "{run_at}": self._moment("run_at"),
            "{expires_at}": self._moment("expires_at"),
            "{finished_at}": self.finished_at,
            "{ended_hour}": self.hour("processed_at"),
            "{finished_hour}": self.hour("processed_at", "updated_at"),
            "{created_at}": self._moment("created_at"),
            "{created_type}": self.types["created_at"],
            "{created_zone}": "" if self.has_zone("created_at") else " at time zone 'UTC'",
            "{salon_key}": "notifyd.job_key(coalesce(j.salon_id::text, ''))",
            "{type}": f"coalesce(nullif(left(j.type::text, {LONGEST_TYPE}), ''), '{NO_TYPE}')",
            "{unknown_status}": UNKNOWN_STATUS,
            "{parts}": PARTS,
            "{partial}": PARTIAL,
            "{purged}": PURGED,
            "{tally}": TALLY,
        }
        for placeholder, piece in pieces.items():
            sql = sql.replace(placeholder, piece)
        return sql

    @property
    def finished_at(self) -> str:
        """When a job ended. The original worker left `processed_at` empty on failures, so `updated_at` stands in."""
        if self.has_zone("processed_at") == self.has_zone("updated_at"):
            return "coalesce(processed_at, updated_at)"
        return "coalesce(processed_at, updated_at at time zone 'UTC')"

    def hour(self, *columns: str) -> str:
        """Return the hour, in UTC, of the first of these columns that is not null; of nonsense the nearest there is.

        It is taken from what was stored: a `timestamp(3)` rounds, perhaps into the next hour.
        """
        moments = (f"j.{name}" if self.has_zone(name) else f"j.{name} at time zone 'UTC'" for name in columns)
        return (
            f"date_trunc('hour', least(greatest(coalesce({', '.join(moments)}), '0002-01-01Z'), '9998-12-31Z'), 'UTC')"
        )

    def comparable(self, column: str, moment: str) -> str:
        """Turn a `timestamptz` expression into one that compares with a column, which is UTC where it has no zone."""
        return moment if self.has_zone(column) else f"({moment} at time zone 'UTC')"

    def has_zone(self, column: str) -> bool:
        """Whether a column of times has a zone; where it has none, it holds UTC."""
        return "with time zone" in self.types[column]

    def _now(self, column: str) -> str:
        return self.comparable(column, "now()")

    def _moment(self, column: str) -> str:
        """Read a column as `timestamptz`, within the years that Python's datetime can hold."""
        if not self.types.get(column, "").startswith("timestamp"):
            return "null::timestamptz"
        value = f"j.{column}" if self.has_zone(column) else f"j.{column} at time zone 'UTC'"
        return f"case when j.{column} is not null then least(greatest({value}, '0002-01-01Z'), '9998-12-31Z') end"


INSPECT = """
select attname::text as column, format_type(atttypid, atttypmod) as type, relkind = 'r' as ordinary
from pg_catalog.pg_attribute join pg_catalog.pg_class on pg_class.oid = attrelid
where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
"""


async def inspect(connection: asyncpg.Connection, name: str) -> Table:
    """Look the table up.

    Args:
        connection: Any connection to its database.
        name: `schema.table` or `table`, unquoted.

    Raises:
        TableUnusable: It does not exist, is no ordinary table, or a column of the contract is missing or odd.
    """
    rows = await connection.fetch(INSPECT, quoted(name), timeout=10)
    types = {row["column"]: row["type"] for row in rows}
    if not types:
        raise TableUnusable(f"there is no table {name} in this database; run `notifyd migrate`")
    if not rows[0]["ordinary"]:
        raise TableUnusable(f"{name} is not an ordinary table but a view, a partitioned or a foreign table")
    if missing := [column for column in REQUIRED if column not in types]:
        raise TableUnusable(f"table {name} has no column {', '.join(missing)}; is TABLE the right one?")
    for column, usable in TYPES.items():
        if not types[column].startswith(usable):
            raise TableUnusable(f"table {name}: column {column} is of type {types[column]}; make it {usable[0]}")
    return Table(quoted(name), types)
