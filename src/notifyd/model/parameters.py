"""The parameters of a dashboard: what a viewer may give, and how its text is read. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from notifyd.model.text import storable

LONGEST = 200
"""Characters of a value, where its definition says nothing else."""

_BIGINT = 2**63


class Kind(StrEnum):
    """How the text of a parameter is read.

    `id` is compared with a column that may be `text` or `uuid`; `day` is a day of the salon's calendar, of which the
    statements are given both ends as `timestamptz`.
    """

    ID = "id"
    TEXT = "text"
    INTEGER = "integer"
    DAY = "day"


Value = str | int | date


class Unacceptable(Exception):  # noqa: N818 - what is said of a parameter
    """A parameter is missing or cannot be read.

    Attributes:
        parameter: Its name.
        why: What is wrong; completes "PARAMETER …" and never repeats the value.
        cure: What to give instead.
    """

    def __init__(self, parameter: str, why: str, cure: str) -> None:
        super().__init__(f"{parameter} {why}; {cure}")
        self.parameter, self.why, self.cure = parameter, why, cure


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        name: As it stands in the query string, and in SQL behind a colon.
        kind: How it is read.
        required: Whether it must be given.
        default: What stands in where it is not given; None is SQL's null.
        longest: Characters that it may have.
    """

    name: str
    kind: Kind
    required: bool = False
    default: Value | None = None
    longest: int = LONGEST

    def read(self, text: str) -> Value:
        """Read a value.

        Raises:
            Unacceptable: It is too long, or not of this kind.
        """
        if len(text) > self.longest:
            raise Unacceptable(self.name, f"is longer than {self.longest} characters", "give it as the tables have it")
        return _READERS[self.kind](self.name, text)


def accept(parameters: Mapping[str, Parameter], given: Mapping[str, str]) -> dict[str, Value | None]:
    """Read what a viewer gave; an empty text counts as not given.

    Returns:
        A value for each parameter, in their order.

    Raises:
        Unacceptable: One is missing, unknown or cannot be read.
    """
    if not given.keys() <= parameters.keys():
        names = ", ".join(parameters) or "none"
        raise Unacceptable("a parameter", "is none of this dashboard's", f"it has these: {names}")
    return {name: _accepted(parameter, given.get(name, "")) for name, parameter in parameters.items()}


def _accepted(parameter: Parameter, text: str) -> Value | None:
    if text:
        return parameter.read(text)
    if parameter.required:
        raise Unacceptable(parameter.name, "is missing", f"give {parameter.name}, and only once")
    return parameter.default


def _text(name: str, text: str) -> str:
    if not storable(text):
        raise Unacceptable(name, "holds what no text in PostgreSQL can hold", "give it as the tables have it")
    return text


def _integer(name: str, text: str) -> int:
    try:
        value = int(text)  # at most `longest` digits
    except ValueError:
        value = _BIGINT
    if not -_BIGINT <= value < _BIGINT:
        raise Unacceptable(name, "is no whole number of 64 bits", "give digits, as in 12")
    return value


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unacceptable(name, "is no day", "give it as in 2026-11-30") from None


_READERS: Mapping[Kind, Callable[[str, str], Value]] = {
    Kind.ID: _text,
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.DAY: _day,
}
