"""Reads the query of a request; what cannot be meant is refused by the parameter's name, and never repeated."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from multidict import MultiMapping

from notifyd.model.text import storable

LONGEST = 1_000
"""Characters of a value; ids are shorter, and each value is part of a key in the cache."""

ONCE = "give it once, as it stands in the table"


class BadQuery(Exception):  # noqa: N818 - the state of the request
    """A query cannot be what it claims to be; the text says why.

    Attributes:
        cure: What to give instead.
    """

    def __init__(self, why: str, cure: str = ONCE) -> None:
        super().__init__(why)
        self.cure = cure


def value(query: MultiMapping[str], name: str, cure: str = ONCE) -> str | None:
    """Return the value of one parameter; None where it is not given.

    Args:
        query: The request's.
        name: The parameter's.
        cure: What to give instead of what is refused.

    Raises:
        BadQuery: It is given twice, empty, too long, or no text that PostgreSQL can hold.
    """
    given = query.getall(name, [])
    if not given:
        return None
    if len(given) > 1:
        raise BadQuery(f"{name} is given more than once", cure)
    if not 0 < len(given[0]) <= LONGEST:
        raise BadQuery(f"{name} is empty or longer than {LONGEST} characters", cure)
    if not storable(given[0]):
        raise BadQuery(f"{name} holds what no text in PostgreSQL can hold", cure)
    return given[0]


def values(query: MultiMapping[str]) -> dict[str, str]:
    """Return all parameters that have a value: one that is given empty is not given.

    Raises:
        BadQuery: One is given twice.
    """
    if len(set(query)) < len(query):
        raise BadQuery("a parameter is given more than once")
    return {name: text for name, text in query.items() if text}


def known(query: MultiMapping[str], names: Collection[str]) -> None:
    """Refuse parameters of other names: a filter that was misspelt would filter nothing.

    Raises:
        BadQuery: There is one.
    """
    if not set(query) <= set(names):
        raise BadQuery("a parameter is not known here", f"it takes {', '.join(names)}")


def several(query: MultiMapping[str], name: str, allowed: Iterable[str], default: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of a parameter that may be repeated, and may hold several with commas between them.

    Raises:
        BadQuery: One of them is not among `allowed`.
    """
    given = dict.fromkeys(value for text in query.getall(name, []) for value in text.split(","))
    allowed = tuple(allowed)
    if not given.keys() <= set(allowed):
        raise BadQuery(f"{name} has a value that is not known", f"known are {', '.join(allowed)}")
    return tuple(given) or default


def number(query: MultiMapping[str], name: str, default: int, most: int) -> int:
    """Return a whole number from 1 to `most`.

    Raises:
        BadQuery: It is none.
    """
    cure = f"give a whole number from 1 to {most}"
    text = value(query, name, cure)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise BadQuery(f"{name} is out of its range", cure)
    return int(text)


def moment(query: MultiMapping[str], name: str) -> datetime | None:
    """Return a moment given in ISO 8601, UTC where it names no offset.

    Raises:
        BadQuery: It is none.
    """
    cure = "give ISO 8601, such as 2026-11-22T09:00:00Z; in an address the + of an offset is written %2B"
    text = value(query, name, cure)
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
        read = read if read.tzinfo else read.replace(tzinfo=UTC)
        read.astimezone(UTC)  # which may lie before the first year
    except (ValueError, OverflowError):
        raise BadQuery(f"{name} is no time that a calendar holds", cure) from None
    return read
