"""Looks at every statement and every index concerned, and says what is wrong and what would mend it. Changes nothing.

Plans and catalogue are read in one read-only transaction; what is proven is proven in a second one, which is rolled
back. No lock is waited for longer than two seconds.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from notifyd.store.adopt import Step, missing_pieces
from notifyd.store.advice import Advisor
from notifyd.store.catalogue import Index, Relation, indexes, sizes, watched
from notifyd.store.connect import AWAY, DatabaseUnavailable, connect
from notifyd.store.explain import Plan, Question, explain, told
from notifyd.store.proof import NotServed, declared
from notifyd.store.questions import ours
from notifyd.store.redundant import PATIENCE, Redundant
from notifyd.store.remark import Kind, Remark
from notifyd.store.table import inspect

_SESSION = {"application_name": "notifyd indexes", "lock_timeout": "2s", "statement_timeout": "10s"}

_NOT_OF_USERS = ("pg_catalog", "information_schema", "pg_toast")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of a database.

    Attributes:
        plans: How each statement would be carried out.
        unexplained: Why a statement could not be looked at, by its name.
        missing: What would put back pieces of ours on the booking system's table.
        tables: The tables concerned, by schema and name.
        indexes: Their indexes.
        since: For how long uses of indexes have been counted.
    """

    plans: Sequence[tuple[Question, Plan]]
    unexplained: dict[str, str]
    missing: Sequence[Step]
    tables: dict[tuple[str, str], Relation]
    indexes: Sequence[Index]
    since: timedelta


async def survey(
    dsn: str, table: str, questions: Sequence[Question] = (), patience: timedelta = PATIENCE
) -> list[Remark]:
    """Look at one database.

    Args:
        dsn: On a direct connection; as a role that may read the tables concerned, and make temporary ones.
        table: The booking system's table: `schema.table` or `table`, unquoted.
        questions: Statements beside our own.
        patience: For how long an index has to have been unused.

    Returns:
        What there is to say, by weight.

    Raises:
        DatabaseUnavailable: The database cannot be reached, or went away.
        notifyd.store.table.TableUnusable: The booking system's table is missing or odd.
    """
    try:
        connection = await connect(dsn, statement_cache_size=0, server_settings=_SESSION)
        try:
            seen = await _look(connection, table, questions)
            advisor = Advisor(connection, seen.plans, seen.tables, seen.indexes)
            found = [*await advisor.remarks(), *_judged(seen, advisor.standing, patience)]
        finally:
            connection.terminate()
    except AWAY as error:
        raise DatabaseUnavailable.because(error) from error
    return sorted(found, key=lambda remark: (not remark.grave, remark.weight))


async def _look(connection: asyncpg.Connection, name: str, questions: Sequence[Question]) -> Seen:
    plans, unexplained = [], {}
    async with connection.transaction(readonly=True):
        table = await inspect(connection, name)
        for question in [*ours(table), *questions]:
            try:
                plans.append((question, await explain(connection, question)))
            except asyncpg.PostgresError as error:
                unexplained[question.name] = told(error)
        named = {each for _, plan in plans for each in plan.tables if not each[0].startswith(_NOT_OF_USERS)}
        tables = await sizes(connection, named)
        return Seen(
            plans,
            unexplained,
            await missing_pieces(connection, table, name),
            tables,
            await indexes(connection, tables.values()),
            await watched(connection),
        )


def _judged(seen: Seen, standing: Collection[str], patience: timedelta) -> Iterator[Remark]:
    building = {index.bare for index in seen.indexes if index.building}
    missing = {name: sql for name, sql in _missing(seen.missing) if name not in building}
    for name, sql in missing.items():
        text = f"index {name} is missing or invalid: the engine's statements search without it"
        yield Remark(Kind.MISSING, True, text, index=name, sql=sql)
    for name, why in seen.unexplained.items():
        yield Remark(Kind.UNEXPLAINED, False, f"{name} could not be looked at: {why}", statement=name)
    redundant = Redundant(
        tables={table.oid: table for table in seen.tables.values()},
        indexes=[index for index in seen.indexes if index.bare not in missing],
        used={name for _, plan in seen.plans for name in plan.indexes},
        declared={*_names(seen.plans), *standing},
        since=seen.since,
        patience=patience,
    )
    yield from redundant.remarks()


def _names(plans: Sequence[tuple[Question, Plan]]) -> Iterator[str]:
    for question, _ in plans:
        if question.index is not None:
            with suppress(NotServed):
                yield declared(question.index).name


def _missing(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """Yield the indexes among them, each with what builds it."""
    for step in steps:
        kind, _, name = step.name.partition(" ")
        if kind == "index":
            yield name, step.sql
