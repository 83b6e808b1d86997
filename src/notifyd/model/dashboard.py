"""A dashboard: named statements that only read, and what becomes of their answers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from notifyd.model.named_sql import NamedSql
from notifyd.model.parameters import Kind, Parameter

PERIOD = ("now", "timezone", "previous_start", "current_start", "next_start", "previous_to_date")
"""The names that every statement may use besides the parameters; `store.period` says what they stand for."""


SPAN = ("since", "until")
"""And these the statement of a comparison: the span that its figure is for."""


class Shape(StrEnum):
    """What a statement's answer becomes in `data`.

    `value`: its only column of its only row. `row`: an object of its columns, of its only row. `rows`: a list of them.
    `comparison`: the statement gives one figure, a count or a sum, for [:since, :until), and is run for this month and
    the one before; see `model.comparison`.
    """

    VALUE = "value"
    ROW = "row"
    ROWS = "rows"
    COMPARISON = "comparison"


@dataclass(frozen=True, slots=True)
class Part:
    """One key of `data`.

    Attributes:
        key: Its name.
        shape: What the statement's answer becomes.
        decimals: What a comparison's figures are rounded to.
        variants: The statement, in one or several spellings: the first that the database takes is used.
    """

    key: str
    shape: Shape
    decimals: int
    variants: tuple[NamedSql, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One definition.

    Attributes:
        name: That of its folder, and in its address.
        title: For people.
        parameters: What a viewer may give, by name.
        ttl: Seconds for which an answer is fresh.
        stale: Seconds after that in which it may still be shown while a new one is made.
        roles: Who may see it.
        zone: The statement that finds the time zone, in its variants; without one the calendar is UTC's. Where it finds
            no row there is nothing to show.
        parts: What `data` is made of.
        shipped: Whether it came with notifyd.
    """

    name: str
    title: str
    parameters: Mapping[str, Parameter]
    ttl: float
    stale: float
    roles: tuple[str, ...]
    zone: tuple[NamedSql, ...] = field(repr=False)
    parts: tuple[Part, ...] = field(repr=False)
    shipped: bool = False


def names(parameters: Mapping[str, Parameter]) -> frozenset[str]:
    """Return the names that statements may use: of a day there are two, its beginning and its end."""
    ends = (f"{name}_end" for name, parameter in parameters.items() if parameter.kind is Kind.DAY)
    return frozenset({*PERIOD, *parameters, *ends})
