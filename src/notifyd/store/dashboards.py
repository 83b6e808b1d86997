"""Runs a dashboard: all its statements as parts of one, so in one snapshot and one round trip. Never writes.

A definition that cannot be used is told by `Unusable`, and is nobody else's trouble.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg

from notifyd.model.comparison import compare
from notifyd.model.dashboard import Dashboard, Part, Shape
from notifyd.model.parameters import Unacceptable, Value, accept
from notifyd.store.composed import AS_OF
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.pool import Store
from notifyd.store.proven import forget, proven_for
from notifyd.store.snapshots import READ_LIMIT
from notifyd.store.unusable import Unusable, is_refused, said, unusable


class NothingThere(Exception):  # noqa: N818 - an answer
    """There is no such salon."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a dashboard shows.

    Attributes:
        data: Numbers, texts, lists and objects, ready for JSON. A fraction is a float: exact to 15 digits.
        as_of: The database's clock at the snapshot, in UTC.
    """

    data: dict[str, Any]
    as_of: datetime


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
    proven = await proven_for(store, dashboard)
    _check_uuids(proven.uuids, values)
    try:
        name = f"dashboards.{dashboard.name}"
        rows = await store.fetch_unbound(proven.sql, now, *values.values(), name=name, timeout=READ_LIMIT)
    except asyncpg.PostgresError as error:
        if is_refused(error):
            forget(store, dashboard)
        raise await unusable(store, f"dashboard {dashboard.name}: {said(error)}", error) from error
    except DatabaseUnavailable as error:
        if isinstance(error.__cause__, asyncpg.ReadOnlySQLTransactionError):
            raise Unusable(f"dashboard {dashboard.name}: a statement calls what writes; it may only read") from error
        raise
    if not rows:
        raise NothingThere
    data = {part.key: _shaped(part, rows[0][part.key]) for part in dashboard.parts}
    return Answer(data, rows[0][AS_OF].astimezone(UTC))


def _check_uuids(uuids: frozenset[str], values: Mapping[str, Value | None]) -> None:
    for name in uuids:
        if values[name] is not None and not _UUID.fullmatch(str(values[name])):
            raise Unacceptable(name, "is no UUID, and the column is one", "give it as the tables have it")


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
