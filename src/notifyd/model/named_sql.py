"""A statement with names in it, `:salon_id` say, for which something is put in before PostgreSQL sees it. Pure.

It tells names from casts, and from what stands in quotes and comments, as PostgreSQL's own lexer does. It judges a
statement as far as its text allows; whether its tables are there only the database knows.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
    (?P<quoted> \b[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<operator> :: | := )
    | :(?P<name> [a-z_][a-z0-9_]* )
    | (?P<number> \$\d+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_READS = re.compile(r"\s*\(*\s*(?:select|with|values)\b", re.IGNORECASE)
_WRITES = re.compile(
    r"\b(insert\s+into|delete\s+from|merge\s+into|update\s+[\w.]+\s+set|select\s+into"
    r"|for\s+(?:no\s+key\s+)?update|for\s+(?:key\s+)?share)\b",
    re.IGNORECASE,
)


class Unreadable(Exception):  # noqa: N818 - what is said of a statement
    """The statement cannot be one of a dashboard; the text completes "FILE: …" and names the cure."""


@dataclass(frozen=True, slots=True)
class NamedSql:
    """One statement.

    Attributes:
        file: Where it was read.
        pieces: Its text without comments: what stands before the first name, that name, what stands behind it, ….
        index: The statement that makes the index it is meant to use, with `concurrently`; None where there is none.
    """

    file: str
    pieces: tuple[str, ...] = field(repr=False)
    index: str | None = field(default=None, repr=False)

    @property
    def names(self) -> frozenset[str]:
        """The names in it."""
        return frozenset(self.pieces[1::2])

    def filled(self, value: Callable[[str], str]) -> str:
        """Return its text with something put in for each name."""
        return "".join(value(piece) if number % 2 else piece for number, piece in enumerate(self.pieces))


def named_sql(file: str, text: str, index: str | None = None) -> NamedSql:
    """Read one statement.

    Raises:
        Unreadable: It is empty, more than one, writes, or has numbers in place of names.
    """
    pieces, bare = _taken_apart(text)
    if not bare.strip():
        raise Unreadable("is empty; write a SELECT")
    if ";" in bare:
        raise Unreadable("holds more than one statement; give each a file of its own")
    if writes := _WRITES.search(bare):
        raise Unreadable(f"has {' '.join(writes[0].split()).upper()}; a dashboard only reads")
    if not _READS.match(bare):
        raise Unreadable("does not begin with SELECT or WITH; a dashboard only reads")
    return NamedSql(file, pieces, index)


def _taken_apart(text: str) -> tuple[tuple[str, ...], str]:
    """Return the pieces, and the text without anything quoted, commented or named."""
    pieces, bare, end = [""], "", 0
    for token in _TOKEN.finditer(text):
        between = text[end : token.start()]
        end = token.end()
        pieces[-1] += between
        bare += between
        if token["number"]:
            raise Unreadable(f"has {token[0]}; write the name of a parameter, as in :salon_id")
        if token["name"]:
            pieces += [token["name"], ""]
        else:
            pieces[-1] += " " if token["comment"] else token[0]
        bare += " " if token["comment"] else " ? "
    pieces[-1] = _unended(pieces[-1] + text[end:])
    return tuple(pieces), _unended(bare + text[end:])


def _unended(text: str) -> str:
    return text.rstrip().removesuffix(";").rstrip()
