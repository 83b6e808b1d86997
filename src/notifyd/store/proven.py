"""Proves a definition against the database before its first use, and keeps what was found. Runs no statement of it.

It is somebody else's SQL: of a statement with several variants the first that fits the tables is kept, and an `id` is
compared as `text` or, failing that, as `uuid`. A missing right is no misfit: another variant would answer something
else, and nobody would know why. Where a variant is not the first, those before it are tried again now and then, so that
a table which has been changed is noticed while the statement still works.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from weakref import WeakKeyDictionary

import asyncpg

from notifyd.model.dashboard import Dashboard
from notifyd.model.named_sql import NamedSql
from notifyd.store.composed import UTC_ALONE, Spelling, compose, spellings
from notifyd.store.pool import Store
from notifyd.store.snapshots import READ_LIMIT
from notifyd.store.unusable import Unusable, is_misfit, unusable


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
"""Seconds after which the variants before one that is not the first are tried again, when somebody asks."""


async def proven_for(store: Store, dashboard: Dashboard) -> Proven:
    """Return what was found out about a definition, or find it out.

    Raises:
        Unreadable: A right is missing.
        Unusable: The database takes no variant of a statement.
        DatabaseUnavailable: No answer in time.
    """
    found = _of(store).proven.get(dashboard.name)
    if found is None or found.dashboard is not dashboard:
        return await prove(store, dashboard)
    return await prove(store, dashboard, found) if _is_doubtful(found) else found


def forget(store: Store, dashboard: Dashboard) -> None:
    """Have a definition proven anew: the tables have changed, and another variant may do."""
    _of(store).proven.pop(dashboard.name, None)


ZONES = r"""
select array_agg(name order by name) as names
from pg_catalog.pg_timezone_names
where name ~ '^[A-Za-z0-9_+/-]+$' and name !~ '^((posix|right)/|(localtime|posixrules|Factory)$)'
"""
"""What a zone is says the server's list. Its parser takes anything: to `at time zone` Nowhere3 is three hours west."""


async def prove(store: Store, dashboard: Dashboard, before: Proven | None = None) -> Proven:
    """Put every statement of a definition to the database, and keep the variants that it takes. Runs none of them.

    Args:
        store: The database.
        dashboard: The definition.
        before: What was found out earlier: then only the variants before those chosen are tried, and where none of them
            fits the choice stands.

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
        stands = before and (before.parts[key] if zone else before.zone)
        for spelling in spellings(dashboard, variants):
            if stands and spelling.statement is stands.statement:
                return stands
            parts = {key: spelling} if zone else {}
            try:
                await _explain(store, dashboard, compose(dashboard, known.zones, zone or spelling, parts))
            except asyncpg.PostgresError as error:
                if not is_misfit(error):
                    where = f"dashboard {dashboard.name}: {spelling.statement.file}"
                    raise await unusable(store, f"{where}: {error}", error) from error
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
    await store.fetch_unbound(f"explain {sql}", *nothing, timeout=READ_LIMIT, expected=is_misfit)


def _of(store: Store) -> _Known:
    return _known.setdefault(store, _Known())


def _is_doubtful(proven: Proven) -> bool:
    return bool(proven.instead) and monotonic() - proven.at >= AGAIN
