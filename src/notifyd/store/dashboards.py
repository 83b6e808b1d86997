"""Runs a dashboard: all its statements as parts of one, so in one snapshot and one round trip. Never writes.

A definition is somebody else's SQL, so it is proven against the database before its first use: of a statement with
several variants the first that fits the tables is kept, and an `id` is compared as `text` or, failing that, as `uuid`.
What cannot be used is told by `Unusable`, and is nobody else's trouble. A missing right is no misfit: another variant
would answer something else, and nobody would know why. A choice that is not the first is made again now and then, so
that a table which has been changed is noticed while the statement still works.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg

from notifyd.model.comparison import compare
from notifyd.model.dashboard import Dashboard, Part, Shape
from notifyd.model.named_sql import NamedSql
from notifyd.model.parameters import Unacceptable, Value, accept
from notifyd.store.composed import AS_OF, UTC_ALONE, Spelling, compose, spellings
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.period import ZONES
from notifyd.store.pool import Store
from notifyd.store.snapshots import READ_LIMIT

__all__ = ["Answer", "NothingThere", "Proven", "Unacceptable", "Unreadable", "Unusable", "prove", "run"]


class NothingThere(Exception):  # noqa: N818 - an answer
    """There is no such salon."""


class Unusable(Exception):  # noqa: N818 - the state of a definition
    """The database does not carry out a statement of the definition: a table is missing, say, or it divides by nothing.

    The text names dashboard and file, and holds no value that a viewer gave.
    """

    cure = "correct the definition, or make the tables that it reads"


class Unreadable(Unusable):
    """It is there, and our role may not read it."""

    def __init__(self, text: str, cure: str) -> None:
        super().__init__(text)
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Answer:
    """What a dashboard shows.

    Attributes:
        data: Numbers, texts, lists and objects, ready for JSON. A fraction is a float: exact to 15 digits.
        as_of: The database's clock at the snapshot, in UTC.
    """

    data: dict[str, Any]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Proven:
    """A definition as one database takes it.

    Attributes:
        dashboard: The definition.
        sql: One statement for all of it; see `store.composed.compose`.
        uuids: The parameters that are compared with a `uuid`.
        zones: The names of the server's time zones.
        zone: How the zone's statement is put.
        parts: How each other statement is, by its key.
        at: When, by the monotonic clock.
    """

    dashboard: Dashboard
    sql: str
    uuids: frozenset[str]
    zones: list[str]
    zone: Spelling
    parts: Mapping[str, Spelling]
    at: float

    @property
    def statements(self) -> tuple[NamedSql, ...]:
        """The variants that were chosen, the zone's first."""
        return tuple(spelling.statement for spelling in (self.zone, *self.parts.values()))

    @property
    def instead(self) -> dict[str, str]:
        """The files that are not the first of their variants, and the first that each stands in for."""
        variants = (self.dashboard.zone or (UTC_ALONE,), *(part.variants for part in self.dashboard.parts))
        pairs = zip(self.statements, variants, strict=True)
        return {chosen.file: first.file for chosen, (first, *_) in pairs if chosen is not first}


@dataclass(slots=True)
class _Known:
    """What was found out about one database."""

    zones: list[str] = field(default_factory=list)
    proven: dict[str, Proven] = field(default_factory=dict)


_known: WeakKeyDictionary[Store, _Known] = WeakKeyDictionary()

AGAIN = 60.0
"""Seconds after which a choice that is not the first is made again, when somebody asks."""

_DENIED = re.compile(r"permission denied for ([a-z ]+) (.+)")

_MISFITS = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.DatatypeMismatchError,
    asyncpg.CannotCoerceError,
    asyncpg.WrongObjectTypeError,
)

_UUID = re.compile(r"(\{)?(?:[0-9A-Fa-f]{4}-?){7}[0-9A-Fa-f]{4}(?(1)\})")
"""What PostgreSQL reads as a `uuid`; Python's `UUID` reads more.

It is passed on as it was given, since a statement beside it may compare it with a `text`.
"""


async def run(store: Store, dashboard: Dashboard, given: Mapping[str, str], now: datetime | None) -> Answer:
    """Run all statements of a dashboard in one snapshot.

    Args:
        store: The database, as `open_snapshots` gives it.
        dashboard: The definition.
        given: The viewer's parameters, as text; an empty one counts as not given.
        now: An aware moment to stand in for the database's clock, which decides what the current month is.

    Raises:
        Unacceptable: A parameter is missing or cannot be read.
        NothingThere: There is no such salon.
        Unusable: The definition does not fit the database.
        DatabaseUnavailable: No answer in time.
    """
    values = accept(dashboard.parameters, given)
    proven = _of(store).proven.get(dashboard.name)
    if proven is None or proven.dashboard is not dashboard or _is_doubtful(proven):
        proven = await prove(store, dashboard)
    _check_uuids(proven.uuids, values)
    try:
        name = f"dashboards.{dashboard.name}"
        rows = await store.fetch_unbound(proven.sql, now, *values.values(), name=name, timeout=READ_LIMIT)
    except asyncpg.PostgresError as error:
        if _is_refused(error):  # the tables have changed: another variant may do
            _of(store).proven.pop(dashboard.name, None)
        raise await _unusable(store, f"dashboard {dashboard.name}: {_said(error)}", error) from error
    except DatabaseUnavailable as error:
        if isinstance(error.__cause__, asyncpg.ReadOnlySQLTransactionError):
            raise Unusable(f"dashboard {dashboard.name}: a statement calls what writes; it may only read") from error
        raise
    if not rows:
        raise NothingThere
    data = {part.key: _shaped(part, rows[0][part.key]) for part in dashboard.parts}
    return Answer(data, rows[0][AS_OF].astimezone(UTC))


async def prove(store: Store, dashboard: Dashboard) -> Proven:
    """Put every statement of a definition to the database, and keep the variants that it takes. Runs none of them.

    Raises:
        Unreadable: A right is missing.
        Unusable: It takes no variant of a statement.
        DatabaseUnavailable: No answer in time.
    """
    known = _of(store)
    if not known.zones:
        (row,) = await store.fetch_unbound(ZONES, timeout=READ_LIMIT)
        known.zones = row["names"]

    async def chosen(key: str, variants: tuple[NamedSql, ...], zone: Spelling | None) -> Spelling:
        refusal: asyncpg.PostgresError | None = None
        for spelling in spellings(dashboard, variants):
            parts = {key: spelling} if zone else {}
            try:
                await _explain(store, dashboard, compose(dashboard, known.zones, zone or spelling, parts))
            except asyncpg.PostgresError as error:
                if not _is_misfit(error):
                    where = f"dashboard {dashboard.name}: {spelling.statement.file}"
                    raise await _unusable(store, f"{where}: {error}", error) from error
                refusal = refusal or error
            else:
                return spelling
        raise Unusable(f"dashboard {dashboard.name}: {variants[0].file}: {refusal}") from refusal

    zone = await chosen("", dashboard.zone or (UTC_ALONE,), None)
    parts = {part.key: await chosen(part.key, part.variants, zone) for part in dashboard.parts}
    known.proven[dashboard.name] = proven = Proven(
        dashboard,
        sql=compose(dashboard, known.zones, zone, parts),
        uuids=frozenset[str]().union(*(spelling.uuids for spelling in (zone, *parts.values()))),
        zones=known.zones,
        zone=zone,
        parts=parts,
        at=monotonic(),
    )
    return proven


async def _explain(store: Store, dashboard: Dashboard, sql: str) -> None:
    nothing = [None] * (1 + len(dashboard.parameters))
    await store.fetch_unbound(f"explain {sql}", *nothing, timeout=READ_LIMIT)


def _of(store: Store) -> _Known:
    return _known.setdefault(store, _Known())


def _is_doubtful(proven: Proven) -> bool:
    return bool(proven.instead) and monotonic() - proven.at >= AGAIN


def _check_uuids(uuids: frozenset[str], values: Mapping[str, Value | None]) -> None:
    for name in uuids:
        if values[name] is not None and not _UUID.fullmatch(str(values[name])):
            raise Unacceptable(name, "is no UUID, and the column is one", "give it as the tables have it")


def _is_refused(error: asyncpg.PostgresError) -> bool:
    """Tell whether PostgreSQL does not take the statement as it is written, whatever the values and the rows are.

    It does not know a name (class 42: PostgreSQL manual, appendix A), or it points to a place in the text, which it
    does only while it reads it: where a column has become `jsonb`, an array's literal is no JSON, which is of class 22.
    """
    return (error.sqlstate or "").startswith("42") or error.position is not None


def _is_misfit(error: asyncpg.PostgresError) -> bool:
    """Tell whether the tables are other ones than a variant is for: a name is unknown, or a type is another.

    A literal that is none of its column's type is of class 22, and points to its place in the text.
    """
    return isinstance(error, _MISFITS) or (isinstance(error, asyncpg.DataError) and error.position is not None)


_GRANT = """
select 'grant ' || case $1::text
    when 'schema' then 'usage on schema ' || quote_ident($2::text)
    when 'function' then 'execute on function ' || (
        select oid::regprocedure from pg_proc where proname = $2 and not has_function_privilege(oid, 'execute')
        order by pg_function_is_visible(oid) desc limit 1
    )
    else 'select on ' || (
        select oid::regclass from pg_class where relname = $2 and not has_table_privilege(oid, 'select')
        order by pg_table_is_visible(oid) desc limit 1
    )
end || ' to ' || quote_ident(current_user) as cure
"""


async def _unusable(store: Store, text: str, error: asyncpg.PostgresError) -> Unusable:
    """Return what to raise; where a right is missing, with the GRANT, as far as PostgreSQL speaks English."""
    if not isinstance(error, asyncpg.InsufficientPrivilegeError):
        return Unusable(text)
    cure = None
    if denied := _DENIED.match(str(error)):
        cure = (await store.fetch_unbound(_GRANT, *denied.groups(), timeout=READ_LIMIT))[0]["cure"]
    return Unreadable(text, cure or "give our role, or the owner of the view that reads it, the right to")


def _said(error: asyncpg.PostgresError) -> str:
    """Return what PostgreSQL said: where it may hold a value that a viewer gave, its kind alone."""
    return str(error) if _is_refused(error) else type(error).__name__


def _shaped(part: Part, text: str | None) -> Any:
    answer: Any = None if text is None else json.loads(text, parse_float=Decimal)
    return _plain(compare(answer, part.decimals) if part.shape is Shape.COMPARISON else answer)


def _plain(value: Any) -> Any:
    """Return the same without `Decimal`, which JSON's writer does not know."""
    match value:
        case Decimal():
            return float(value)
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case _:
            return value
