"""Says which statements read a large table from end to end, and which declared index would spare them that.

An index is recommended only where it is proven to serve the statement (`store.proof`). One that has its name and is
another is left alone, whatever it is for; the recommended one gets another name then.
"""

import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import asyncpg

from notifyd.store.catalogue import Index, Relation, free_name
from notifyd.store.explain import Plan, Question, Scan
from notifyd.store.proof import Declared, NotServed, Unproven, declared, prove
from notifyd.store.remark import Kind, Remark

MOST = 0.2
"""A statement that takes more than this part of a table is best served by reading it all."""


class Advisor:
    """What there is to say of the statements of one database.

    Args:
        connection: Outside a transaction.
        plans: How each statement would be carried out.
        tables: The tables in these plans, by schema and name.
        indexes: Their indexes.

    Attributes:
        standing: The names of those that were found to be the declared ones, or to stand in for one.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        plans: Sequence[tuple[Question, Plan]],
        tables: Mapping[tuple[str, str], Relation],
        indexes: Sequence[Index],
    ) -> None:
        self._connection = connection
        self._plans = plans
        self._tables = tables
        self._indexes = indexes
        self.standing: set[str] = set()

    async def remarks(self) -> list[Remark]:
        """Return what there is to say."""
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            return [remark for question, plan in self._plans async for remark in self._of(question, plan)]
        finally:
            await transaction.rollback()

    async def _of(self, question: Question, plan: Plan) -> AsyncIterator[Remark]:
        if question.index is not None and (remark := await self._declared(question, plan, question.index)):
            yield remark
        for table in dict.fromkeys(scan.table for scan in plan.scans):
            if table in self._tables and self._tables[table].large:
                yield await self._scanned(question, plan, table)

    async def _declared(self, question: Question, plan: Plan, sql: str) -> Remark | None:
        """Say what is wrong with the index that is declared for a statement, or that it is not there."""
        try:
            index = declared(sql)
            table = self._place(index, plan)
            wanted = await self._wanted(question, index, table)
        except (NotServed, Unproven) as error:
            text = f"the index declared for {question.name} {error}"
            return Remark(Kind.UNFIT, isinstance(error, NotServed), text, statement=question.name)
        if isinstance(wanted, Index):
            return None  # and of one that is invalid `store.redundant` tells
        large, taken = self._tables[table].large, wanted.name != index.name
        if not (large or taken) or table in {scan.table for scan in plan.scans}:
            return None  # of a table that is read from end to end `_scanned` says more
        text = f"index {index.name}, declared for {question.name}, is not there{_renamed(index, wanted)}"
        return self._about(question, table)(Kind.ABSENT, taken, text, index=wanted.name, sql=wanted.sql)

    async def _scanned(self, question: Question, plan: Plan, table: tuple[str, str]) -> Remark:
        """Say that a statement reads a large table from end to end."""
        relation, about = self._tables[table], self._about(question, table)
        rows = "" if relation.rows is None else f", {relation.rows:,.0f} rows"
        text = f"{question.name} reads all of {relation.name} ({relation.bytes / 1024**2:,.0f} MB{rows})"
        scans = [scan for scan in plan.scans if scan.table == table]
        chosen = [scan.condition or "a part of it" for scan in scans if question.pinned or _in_vain(scan, relation)]
        if not chosen:
            return about(Kind.SCAN, False, f"{text}, and takes much of it: no index would help")
        text += f" for {'; for '.join(dict.fromkeys(chosen))}"
        for index in self._candidates(question, table):
            with suppress(NotServed, Unproven):
                wanted = await self._wanted(question, index, table)
                if isinstance(wanted, Index):
                    return self._idle(question, table, text, wanted)
                text += _renamed(index, wanted)
                return about(Kind.SCAN, True, text, index=wanted.name, sql=wanted.sql)
        there = [each for each in self._of_table(table) if not (each.upholds or each.ours)]
        reasons = [(each.name, await self._why_not(question, each, table)) for each in there if each.predicate]
        text += "".join(f"; index {name} {why}" for name, why in reasons if why) or "; no index is declared for it"
        return about(Kind.SCAN, True, text)

    def _idle(self, question: Question, table: tuple[str, str], text: str, index: Index) -> Remark:
        """Say of an index that is there for a statement why it may not be used."""
        about = functools.partial(self._about(question, table), Kind.SCAN, index=index.name)
        if index.valid:
            return about(
                False, f"{text}, though index {index.name} could serve it", sql=f"analyze {self._tables[table].name};"
            )
        state = "being built" if index.building else "invalid"
        return about(not index.building, f"{text}; index {index.name}, which would serve it, is {state}")

    def _about(self, question: Question, table: tuple[str, str]) -> Callable[..., Remark]:
        relation = self._tables[table]
        return functools.partial(Remark, table=relation.name, bytes=relation.bytes, statement=question.name)

    async def _wanted(self, question: Question, index: Declared, table: tuple[str, str]) -> Index | Declared:
        """Return the index that is there for a declared one; otherwise the declared one, under a name that is free.

        It is told by what it is. One that has its name alone is taken for it only where it serves the statement too:
        names are anybody's, and so may the index be.

        Raises:
            NotServed: The declared one does not serve the statement.
            Unproven: Whether it does could not be found out.
        """
        what = await prove(self._connection, question, index.what, table)
        for there in sorted(self._of_table(table), key=lambda each: not each.valid):
            named = there.bare == index.name
            if there.what == what or (named and await self._why_not(question, there, table) is None):
                self.standing.add(there.bare)
                return there
        return replace(index, name=await free_name(self._connection, table[0], index.name))

    def _candidates(self, question: Question, table: tuple[str, str]) -> Iterator[Declared]:
        """Yield the declared indexes of a table, the statement's own first."""
        others = [other for other, plan in self._plans if other is not question and table in plan.tables]
        for each in (question, *others):
            if each.index is not None:
                with suppress(NotServed):
                    if _names(index := declared(each.index), table):
                        yield index

    def _place(self, index: Declared, plan: Plan) -> tuple[str, str]:
        for table in plan.tables:
            if _names(index, table) and table in self._tables:
                return table
        raise NotServed(f"is on {index.table}, which the statement does not read")

    def _of_table(self, table: tuple[str, str]) -> list[Index]:
        return [each for each in self._indexes if each.table == self._tables[table].oid]

    async def _why_not(self, question: Question, index: Index, table: tuple[str, str]) -> str | None:
        """Say why an index that is there does not serve a statement; None where it does, or nobody can tell."""
        try:
            await prove(self._connection, question, index.what, table)
        except NotServed as error:
            return str(error)
        except Unproven:
            return None
        return None


def _renamed(index: Declared, wanted: Declared) -> str:
    """Say why an index gets another name than it is declared with; nothing where it does not."""
    return f"; another one is called {index.name}, hence the name {wanted.name}" if wanted.name != index.name else ""


def _in_vain(scan: Scan, relation: Relation) -> bool:
    """Tell whether a scan reads many rows to take few."""
    if scan.limited or scan.condition is None:
        return scan.limited
    return relation.rows is None or scan.rows <= MOST * relation.rows


def _names(index: Declared, table: tuple[str, str]) -> bool:
    schema, _, bare = index.table.replace('"', "").rpartition(".")
    return bare == table[1] and schema in {"", table[0]}
