"""What PostgreSQL's catalogue and statistics say of tables and their indexes. Reads no row of a table."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, count

import asyncpg

from notifyd.store.adopt import INDEXES

LARGE_BYTES = 8 * 1024 * 1024

LARGE_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Relation:
    """A table.

    Attributes:
        oid: PostgreSQL's number for it.
        name: Schema and name, quoted where they must be.
        rows: How many it has, as of the last ANALYZE; None before the first.
        bytes: How large it is, without its indexes.
    """

    oid: int
    name: str
    rows: float | None
    bytes: int

    @property
    def large(self) -> bool:
        """Whether reading it from end to end costs what somebody would notice: some milliseconds."""
        return self.bytes >= LARGE_BYTES or (self.rows or 0) >= LARGE_ROWS


@dataclass(frozen=True, slots=True)
class Index:
    """An index.

    Attributes:
        table: The oid of its table.
        schema: Its schema.
        bare: Its name without the schema.
        name: Its name with the schema, quoted where it must be.
        definition: The CREATE INDEX that makes it.
        bytes: How large it is.
        valid: Whether queries may use it.
        building: Whether somebody is at building it, or at building one that we may not see.
        upholds: Whether it is more than a help: a primary key, unique, or what a constraint rests on.
        scans: How often it was used since statistics began.
        method: `btree`, `gin`, ….
        keys: Each key, in order: column, operator class, collation, direction; an expression's column is 0.
        rest: What else makes two indexes differ: the columns it carries, its expressions, its predicate.
        predicate: Which rows it holds; None where all.
    """

    table: int
    schema: str
    bare: str
    name: str
    definition: str
    bytes: int
    valid: bool
    building: bool
    upholds: bool
    scans: int
    method: str
    keys: tuple[tuple[int, int, int, int], ...]
    rest: tuple[tuple[int, ...], str, str]

    @property
    def ours(self) -> bool:
        """Whether `notifyd migrate` made it, and would make it again."""
        return self.schema == "notifyd" or self.bare in INDEXES

    @property
    def predicate(self) -> str | None:
        """Which rows it holds; None where all."""
        return self.rest[2] or None

    @property
    def what(self) -> str:
        """What it is, whatever it and its table are called: method, columns, predicate."""
        return without_names(self.definition)


def without_names(definition: str) -> str:
    """Return what follows the names in a CREATE INDEX, as PostgreSQL words it."""
    _, using, what = definition.partition("USING ")
    return using + what


SIZES = """
select n.nspname::text as schema, c.relname::text as bare, c.oid::bigint as oid,
    format('%I.%I', n.nspname, c.relname) as name, nullif(c.reltuples, -1)::float8 as rows,
    pg_relation_size(c.oid) as bytes
from unnest($1::text[], $2::text[]) as wanted(schema, name)
    join pg_namespace n on n.nspname = wanted.schema
    join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
where c.relkind in ('r', 'm', 'p')
"""


async def sizes(connection: asyncpg.Connection, tables: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Relation]:
    """Return the tables of these schemas and names; what is none, as a foreign table, is left out."""
    wanted = sorted(tables)
    rows = await connection.fetch(SIZES, [schema for schema, _ in wanted], [name for _, name in wanted])
    return {(row["schema"], row["bare"]): Relation(row["oid"], row["name"], row["rows"], row["bytes"]) for row in rows}


OF_TABLES = """
select i.indrelid::bigint as table, n.nspname::text as schema, c.relname::text as bare,
    format('%I.%I', n.nspname, c.relname) as name, pg_get_indexdef(c.oid) as definition,
    pg_relation_size(c.oid) as bytes, i.indisvalid and i.indisready as valid,
    exists (select from pg_stat_progress_create_index p where p.datname = current_database()
        and coalesce(p.index_relid, c.oid) = c.oid) as building,
    i.indisunique or i.indisreplident or exists (select from pg_constraint k where k.conindid = c.oid) as upholds,
    coalesce(s.idx_scan, 0) as scans, am.amname::text as method, i.indnkeyatts as width,
    i.indkey::int2[] as columns, i.indclass::oid[]::bigint[] as classes, i.indcollation::oid[]::bigint[] as collations,
    i.indoption::int2[] as options,
    coalesce(pg_get_expr(i.indexprs, i.indrelid), '') as expressions,
    coalesce(pg_get_expr(i.indpred, i.indrelid), '') as predicate
from pg_index i
    join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_am am on am.oid = c.relam
    left join pg_stat_user_indexes s on s.indexrelid = i.indexrelid
where i.indrelid = any($1::bigint[]::oid[])
order by c.oid
"""


async def indexes(connection: asyncpg.Connection, tables: Iterable[Relation]) -> list[Index]:
    """Return the indexes of these tables, the oldest first."""
    found = []
    for row in await connection.fetch(OF_TABLES, [table.oid for table in tables]):
        fields = dict(row)
        width, columns = fields.pop("width"), fields.pop("columns")
        keys = zip(columns, fields.pop("classes"), fields.pop("collations"), fields.pop("options"), strict=False)
        rest = tuple(columns[width:]), fields.pop("expressions"), fields.pop("predicate")
        found.append(Index(**fields, keys=tuple(keys), rest=rest))
    return found


TAKEN = """
select c.relname::text as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and starts_with(c.relname, $2)
"""


async def free_name(connection: asyncpg.Connection, schema: str, name: str) -> str:
    """Return this name, or the first one with a number behind it that nothing in the schema has."""
    stem = name[:58]  # of the 63 bytes that a name may have
    taken = {row["name"] for row in await connection.fetch(TAKEN, schema, stem)}
    return next(each for each in chain([name], (f"{stem}_{n}" for n in count(2))) if each not in taken)


# Statistics outlive a clean stop, so where nobody has reset them they are at least as old as the server's start.
WATCHED = """
select now() - coalesce(stats_reset, pg_postmaster_start_time()) as since
from pg_stat_database where datname = current_database()
"""


async def watched(connection: asyncpg.Connection) -> timedelta:
    """Return for how long at least uses of indexes have been counted."""
    since: timedelta = await connection.fetchval(WATCHED)
    return since
