"""One thing that `notifyd indexes` has to say: a finding, which is to be mended, or a note."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a remark is about; what weighs more comes first."""

    MISSING = "missing"  # a piece of ours on the booking system's table
    INVALID = "invalid"  # an index that costs every write and serves no query
    SCAN = "scan"  # a large table is read from end to end
    UNFIT = "unfit"  # an index that is declared for a statement and cannot serve it
    ABSENT = "absent"  # an index that is declared for a statement and is not there
    DUPLICATE = "duplicate"  # two indexes that do the same
    UNUSED = "unused"  # an index that nobody has used
    UNEXPLAINED = "unexplained"  # a statement that could not be looked at


@dataclass(frozen=True, slots=True)
class Remark:
    """What was found.

    Attributes:
        kind: What it is about.
        grave: Whether it is a finding; otherwise a note.
        text: For an operator.
        table: The table it is about, with its schema; empty where there is none.
        bytes: How much is at stake: the size of the table that is read, or of the index that is too many.
        statement: The statement it is about.
        index: The index it is about.
        sql: What mends it, and may be run unread: it builds and rebuilds, and takes nothing away that a query or a
            constraint could use. None where a person has to decide, or to do something first.
    """

    kind: Kind
    grave: bool
    text: str
    table: str = ""
    bytes: int = 0
    statement: str | None = None
    index: str | None = None
    sql: str | None = None

    @property
    def weight(self) -> tuple[int, int, str]:
        """By what remarks are sorted: the kind, then what is at stake."""
        return list(Kind).index(self.kind), -self.bytes, self.text
