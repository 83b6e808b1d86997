"""Reads the query of a request; what cannot be meant is refused by the parameter's name, and never repeated."""

from multidict import MultiMapping

LONGEST = 1_000
"""Characters of a value; ids are shorter, and each value is part of a key in the cache."""


class BadQuery(Exception):  # noqa: N818 - the state of the request
    """A query cannot be what it claims to be; the text says why."""


def value(query: MultiMapping[str], name: str) -> str | None:
    """Return the value of one parameter; None where it is not given.

    Raises:
        BadQuery: It is given twice, empty, too long, or no text that PostgreSQL can hold.
    """
    given = query.getall(name, [])
    if not given:
        return None
    if len(given) > 1:
        raise BadQuery(f"{name} is given more than once")
    if not 0 < len(given[0]) <= LONGEST:
        raise BadQuery(f"{name} is empty or longer than {LONGEST} characters")
    if "\0" in given[0] or any("\ud800" <= char <= "\udfff" for char in given[0]):
        raise BadQuery(f"{name} holds what no text in PostgreSQL can hold")
    return given[0]


def values(query: MultiMapping[str]) -> dict[str, str]:
    """Return all parameters that have a value: one that is given empty is not given.

    Raises:
        BadQuery: One is given twice.
    """
    if len(set(query)) < len(query):
        raise BadQuery("a parameter is given more than once")
    return {name: text for name, text in query.items() if text}
