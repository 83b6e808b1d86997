"""Judges the indexes of the tables concerned by the catalogue alone: invalid, doubled, never used. Pure.

It never speaks against an index that upholds something (a key, a constraint), nor against one of ours; and of one that
may go it gives no DROP: whether it does is for a person to say.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from notifyd.store.catalogue import Index, Relation
from notifyd.store.remark import Kind, Remark

_LEFT_OVER = re.compile(r"_cc(new|old)\d*$")  # of a REINDEX that failed (PostgreSQL manual, REINDEX)

PATIENCE = timedelta(days=7)
"""An index that nobody has used for as long is one that is not needed; what runs once a week has run."""


@dataclass(frozen=True, slots=True)
class Redundant:
    """What there is to be judged.

    Attributes:
        tables: The tables concerned, by oid.
        indexes: Their indexes, the oldest first.
        used: The names of indexes that a statement uses.
        declared: The names of indexes that are declared for one, and of those that stand in their place.
        since: For how long uses have been counted.
        patience: How long is long enough.
    """

    tables: Mapping[int, Relation]
    indexes: Sequence[Index]
    used: Collection[str]
    declared: Collection[str]
    since: timedelta
    patience: timedelta = PATIENCE

    def remarks(self) -> Iterator[Remark]:
        """Yield what is to be said; of an index that is a duplicate, not that it is unused as well."""
        valid = []
        for index in self.indexes:
            if index.valid:
                valid.append(index)
            else:
                yield self._invalid(index)
        doubled = set()
        for index, other in self._pairs(valid):
            doubled.add(index.name)
            yield self._duplicate(index, other)
        for index in valid:
            if not self._serves(index) and index.name not in doubled and self.tables[index.table].large:
                yield self._unused(index)

    def _serves(self, index: Index) -> bool:
        needed = index.upholds or index.ours
        return needed or index.scans > 0 or index.bare in self.used or index.bare in self.declared

    def _pairs(self, indexes: list[Index]) -> Iterator[tuple[Index, Index]]:
        """Yield each index that may go with the one that makes it superfluous."""
        gone: set[str] = set()
        for index in sorted(indexes, key=self._worth):
            if index.upholds or index.ours:
                continue
            for other in indexes:
                if other is not index and other.name not in gone and _covers(other, index):
                    gone.add(index.name)
                    yield index, other
                    break

    def _worth(self, index: Index) -> tuple[bool, int]:
        return index.bare in self.declared, index.scans

    def _invalid(self, index: Index) -> Remark:
        if index.building:
            return self._remark(Kind.INVALID, False, f"index {index.name} is being built", index)
        text = f"index {index.name} is invalid, as a build that failed leaves it: every write pays, no query uses it"
        if _LEFT_OVER.search(index.bare):
            return self._remark(Kind.INVALID, True, f"{text}; drop it", index)
        if index.upholds:  # each attempt that fails would leave one more
            return self._remark(Kind.INVALID, True, f"{text}; rebuild it when no two rows are alike any more", index)
        return self._remark(Kind.INVALID, True, text, index, f"reindex index concurrently {index.name};")

    def _duplicate(self, index: Index, other: Index) -> Remark:
        if index.keys == other.keys:
            return self._remark(Kind.DUPLICATE, True, f"index {index.name} is {other.name} once more", index)
        text = f"index {index.name} is on the first columns of {other.name}, which can stand in for it"
        return self._remark(Kind.DUPLICATE, False, text, index)

    def _unused(self, index: Index) -> Remark:
        long = self.since >= self.patience
        text = f"index {index.name} has not been used for {_told(self.since)}, since uses were last counted from zero"
        text += "; look at the standbys too, which count for themselves" if long else ": too short a time to judge by"
        return self._remark(Kind.UNUSED, long, text, index)

    def _remark(self, kind: Kind, grave: bool, text: str, index: Index, sql: str | None = None) -> Remark:
        table = self.tables[index.table].name
        return Remark(kind, grave, text, table=table, bytes=index.bytes, index=index.name, sql=sql)


def _covers(other: Index, index: Index) -> bool:
    """Tell whether one index can do all that another one does."""
    if other.table != index.table or other.method != index.method:
        return False
    if other.keys == index.keys:
        return other.rest == index.rest
    plain = not index.rest[0] and not index.rest[1] and not other.rest[1] and index.predicate == other.predicate
    return plain and index.method == "btree" and index.keys == other.keys[: len(index.keys)]


def _told(time: timedelta) -> str:
    return f"{time.days} days" if time.days else f"{time.total_seconds() / 60:.0f} minutes"
