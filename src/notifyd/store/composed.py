"""Makes one statement of all those of a definition, as one database takes them. Pure.

Each statement becomes a column of JSON, so that the database may answer them all at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from notifyd.model.dashboard import PERIOD, SPAN, Dashboard, Shape
from notifyd.model.named_sql import NamedSql
from notifyd.model.parameters import Kind
from notifyd.store.period import period

AS_OF = "notifyd_as_of"

UTC_ALONE = NamedSql("", ("select null::text as timezone",))
"""Finds the zone where a definition has no statement for it."""

_TYPES = {Kind.ID: "text", Kind.TEXT: "text", Kind.INTEGER: "bigint", Kind.DAY: "date"}

_SHAPED = {
    Shape.VALUE: "to_json((\n{sql}\n))",
    Shape.ROW: "(select to_json(q) from (\n{sql}\n) q)",
    Shape.ROWS: "(select coalesce(json_agg(q), '[]') from (\n{sql}\n) q)",
    Shape.COMPARISON: "(select json_agg(q.figure order by q.number) from (select s.number, (\n{sql}\n) as figure"
    " from notifyd_spans s) q)",
}


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way to put a statement to a database.

    Attributes:
        statement: The variant.
        uuids: The parameters that are compared with a `uuid`; other ids with a `text`.
    """

    statement: NamedSql
    uuids: frozenset[str]


def spellings(dashboard: Dashboard, variants: tuple[NamedSql, ...]) -> Iterator[Spelling]:
    """Yield the ways to put a statement to a database, those to try first before the others."""
    for statement in variants:
        ids = [name for name in statement.names if _is(dashboard, name, Kind.ID)]
        for chosen in product((False, True), repeat=len(ids)):
            yield Spelling(statement, frozenset(name for name, is_uuid in zip(ids, chosen, strict=True) if is_uuid))


def compose(dashboard: Dashboard, zones: list[str], zone: Spelling, parts: Mapping[str, Spelling]) -> str:
    """Return the statement.

    Its parameters are `now` and then the dashboard's, in their order. It returns one row: a column for each part, and
    `AS_OF`; or none, where the zone's statement finds none.

    Args:
        dashboard: The definition.
        zones: The names of the server's time zones.
        zone: How the zone is found.
        parts: How each key of `data` is.
    """
    places = {name: f"${number}" for number, name in enumerate(dashboard.parameters, start=2)}
    typed = {name: f"{place}::{_TYPES[dashboard.parameters[name].kind]}" for name, place in places.items()}
    days = {name: typed[name] for name in typed if _is(dashboard, name, Kind.DAY)}

    def filled(spelling: Spelling) -> str:
        def value(name: str) -> str:
            if name in SPAN:
                return f"s.{name}"
            if name in PERIOD or name in days or name not in typed:
                return f'(select "{name}" from notifyd_period)'  # noqa: S608 - a name of ours, or letters and digits
            return f"{typed[name]}::uuid" if name in spelling.uuids else typed[name]

        return spelling.statement.filled(value)

    shapes = {part.key: part.shape for part in dashboard.parts}
    columns = [f'{_SHAPED[shapes[key]].replace("{sql}", filled(part))} as "{key}"' for key, part in parts.items()]
    given = ", ".join(["$1::timestamptz", *typed.values()])  # a parameter that nothing uses would have no type
    return (
        f"with notifyd_given as (select {given}), {period(filled(zone), '$1::timestamptz', days, zones)}\n"
        f"select {', '.join([f'now() as {AS_OF}', *columns])}\nfrom notifyd_period"
    )


def _is(dashboard: Dashboard, name: str, kind: Kind) -> bool:
    return name in dashboard.parameters and dashboard.parameters[name].kind is kind
