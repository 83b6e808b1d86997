"""Turns one folder into a `Dashboard`, or tells every mistake in it.

The text of an error names the file and the key as the operator wrote it, what is wrong, and what to write instead.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from notifyd.dashboards.written import Written, WrittenPart, told
from notifyd.model.dashboard import PERIOD, SPAN, Dashboard, Part, Shape, names
from notifyd.model.named_sql import NamedSql, Unreadable, named_sql
from notifyd.model.parameters import Kind, Parameter, Unacceptable

FILE = "dashboard.toml"

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,50}")
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,50}")


class Faulty(Exception):  # noqa: N818 - the state of a definition
    """A definition cannot be used.

    Attributes:
        mistakes: One line each.
    """

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def define(folder: Path, *, shipped: bool = False) -> Dashboard:
    """Read one definition.

    Raises:
        Faulty: with every mistake that was found.
    """
    if not _NAME.fullmatch(folder.name):
        raise Faulty([f"{folder}: is no name for a dashboard; use small letters, digits, - and _"])
    return _Reader(folder).dashboard(shipped)


class _Reader:
    """Reads one folder, and gathers what is wrong with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mistakes: list[str] = []
        self._used: set[str] = set()

    def dashboard(self, shipped: bool) -> Dashboard:
        written = self._written()
        parameters = {name: self._parameter(written, name) for name in written.parameters}
        everywhere = frozenset(name for name, parameter in parameters.items() if parameter.kind is not Kind.DAY)
        zone = self._variants("zone", written.zone or [], everywhere)
        parts = [self._part(key, part, names(parameters)) for key, part in written.data.items()]
        self._mistakes += self._left_over()
        if self._mistakes:
            raise Faulty(self._mistakes)
        return Dashboard(
            name=self._folder.name,
            title=written.title,
            parameters=parameters,
            ttl=written.ttl,
            stale=written.stale,
            roles=tuple(written.roles),
            zone=zone,
            parts=tuple(parts),
            shipped=shipped,
        )

    def _written(self) -> Written:
        file = self._folder / FILE
        try:
            return Written.model_validate(tomllib.loads(self._text(file)))
        except tomllib.TOMLDecodeError as error:
            raise Faulty(
                [f"{file}: is not TOML: {error}; a name may stand there once, and texts need quotes"]
            ) from None
        except ValidationError as error:
            raise Faulty([f"{file}: {key}: {wrong}" for key, wrong in told(error)]) from None

    def _parameter(self, written: Written, name: str) -> Parameter:
        given = written.parameters[name]
        key = f"parameters.{name}"
        parameter = Parameter(name, Kind(given.kind), given.required, None, given.longest)
        if not _PARAMETER.fullmatch(name):
            self._say(key, "is no name for a parameter; use small letters, digits and _")
        if name in (*PERIOD, *SPAN):
            self._say(key, "is a name that every statement has already; choose another")
        if given.default is None:
            return parameter
        if given.required:
            self._say(key, "is required and has a default; leave one of the two out")
        try:
            return Parameter(name, parameter.kind, given.required, parameter.read(given.default), given.longest)
        except Unacceptable as error:
            self._say(f"{key}.default", f"{error.why}; {error.cure}")
            return parameter

    def _part(self, key: str, written: WrittenPart, known: frozenset[str]) -> Part:
        if not _KEY.fullmatch(key):
            self._say(f"data.{key}", "is no name for a key; use letters, digits and _")
        shape = Shape(written.shape)
        if shape is Shape.COMPARISON:
            known |= set(SPAN)
        elif written.decimals:
            self._say(f"data.{key}.decimals", "is for comparisons alone; round in the statement")
        return Part(key, shape, written.decimals, self._variants(f"data.{key}.sql", written.sql, known))

    def _variants(self, key: str, files: list[str], known: frozenset[str]) -> tuple[NamedSql, ...]:
        return tuple(self._statement(key, file, known) for file in files)

    def _statement(self, key: str, file: str, known: frozenset[str]) -> NamedSql:
        path = self._folder / file
        if path.parent != self._folder or path.suffix != ".sql":
            self._say(key, f"{file!r} is no file of this folder that ends in .sql; correct it")
            return NamedSql(file, ("",))
        index = path.with_suffix(".index.sql")
        self._used |= {path.name, index.name}
        try:
            statement = named_sql(file, self._text(path), self._text(index) if index.is_file() else None)
        except Unreadable as error:
            self._mistakes.append(f"{path}: {error}")
            return NamedSql(file, ("",))
        for name in sorted(statement.names - known):
            reserved = name in (*PERIOD, *SPAN)
            cure = "is not known here; see docs/dashboards.md for what is known where"
            cure = cure if reserved else f"is no parameter; declare it under [parameters.{name}] in {FILE}"
            self._mistakes.append(f"{path}: :{name} {cure}")
        return statement

    def _text(self, path: Path) -> str:
        try:
            return path.read_text("utf-8")
        except OSError as error:
            raise Faulty([*self._mistakes, f"{path}: cannot be read: {error.strerror}; create or correct it"]) from None
        except UnicodeDecodeError:
            raise Faulty([*self._mistakes, f"{path}: is not UTF-8 text; save it as such"]) from None

    def _left_over(self) -> Iterator[str]:
        for path in sorted(self._folder.glob("*.sql")):
            if path.name not in self._used:
                yield f"{path}: is not named in {FILE}; name it there, or remove it"

    def _say(self, key: str, what: str) -> None:
        self._mistakes.append(f"{self._folder / FILE}: {key}: {what}")
