"""Asks the planner how it would carry a statement out whatever its parameters are, and reads the answer.

Nothing is run: EXPLAIN alone, of the generic plan. PostgreSQL 16 has EXPLAIN (GENERIC_PLAN) for it; a prepared
statement under `force_generic_plan` has the same plan on every version that we run on.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg

from notifyd.store.pool import FREE_PLANS, PINNED_PLANS

_BELOW_A_LIMIT = ("Limit", "Sort", "Incremental Sort", "Gather", "Gather Merge", "Subquery Scan", "LockRows", "Result")


@dataclass(frozen=True, slots=True)
class Question:
    """A statement to be looked at.

    Attributes:
        name: What it is called.
        sql: As PostgreSQL takes it.
        pinned: Whether it runs on the engine's connections, whose plans are pinned.
        index: The CREATE INDEX that is declared for it; None where there is none.
    """

    name: str
    sql: str
    pinned: bool = False
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """One table read from end to end.

    Attributes:
        table: Schema and name.
        condition: By what its rows are chosen; None where all are taken.
        rows: How many are taken, as the planner estimates.
        limited: Whether a page of them is wanted, and the rest read in vain.
    """

    table: tuple[str, str]
    condition: str | None
    rows: float
    limited: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What matters of a plan.

    Attributes:
        tables: Schema and name of each table in it.
        scans: The tables that it reads from end to end.
        indexes: The names of the indexes that it uses.
        looked_up: Those of them that it enters by a condition.
    """

    tables: frozenset[tuple[str, str]]
    scans: tuple[Scan, ...]
    indexes: frozenset[str]
    looked_up: frozenset[str]


PARAMETERS = "select cardinality(parameter_types) as n from pg_prepared_statements where name = 'notifyd_question'"


async def explain(connection: asyncpg.Connection, question: Question, **settings: str) -> Plan:
    """Ask for the plan of one statement.

    Args:
        connection: In a transaction, which is left as it was; opened without a cache of statements, since a table may
            have come to stand in front of another since the last question.
        question: The statement.
        settings: More settings of the planner.

    Raises:
        asyncpg.PostgresError: It cannot be planned: a table is missing, a right, or its text is wrong.
    """
    plans = (PINNED_PLANS if question.pinned else FREE_PLANS) | {"plan_cache_mode": "force_generic_plan"} | settings
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        for name, value in plans.items():
            await connection.execute(f"set local {name} = '{value}'")
        await connection.execute(f"prepare notifyd_question as {question.sql}")
        nulls = ", ".join(["null"] * await connection.fetchval(PARAMETERS))
        values = f"({nulls})" if nulls else ""
        answer = await connection.fetchval(f"explain (verbose, format json) execute notifyd_question{values}")
    finally:
        await savepoint.rollback()
        await connection.execute("deallocate all")  # what is prepared outlives a rollback
    return _read(json.loads(answer)[0]["Plan"])


def told(error: BaseException) -> str:
    """Return what PostgreSQL said, without the detail of it."""
    return str(error).partition("\n")[0] or type(error).__name__


def _read(root: dict[str, Any]) -> Plan:
    nodes = list(_walk(root, 0, limited=False))
    return Plan(
        tables=frozenset(_table(node) for node, *_ in nodes if "Relation Name" in node),
        scans=tuple(
            Scan(_table(node), node.get("Filter"), node["Plan Rows"] * _share_of_one(workers), limited)
            for node, workers, limited in nodes
            if node["Node Type"] == "Seq Scan"
        ),
        indexes=frozenset(node["Index Name"] for node, *_ in nodes if "Index Name" in node),
        looked_up=frozenset(node["Index Name"] for node, *_ in nodes if "Index Name" in node and "Index Cond" in node),
    )


def _walk(node: dict[str, Any], workers: int, *, limited: bool) -> Iterator[tuple[dict[str, Any], int, bool]]:
    """Yield each node, with the workers that share it, and whether but a page of its rows is wanted."""
    yield node, workers if node.get("Parallel Aware") else 0, limited
    workers = node.get("Workers Planned", workers)
    limited = node["Node Type"] == "Limit" or (limited and node["Node Type"] in _BELOW_A_LIMIT)
    for child in node.get("Plans", ()):
        yield from _walk(child, workers, limited=limited)


def _table(node: dict[str, Any]) -> tuple[str, str]:
    return node.get("Schema", ""), node["Relation Name"]


def _share_of_one(workers: int) -> float:
    """Return by what the planner divides the rows of a node among its workers (costsize.c: get_parallel_divisor)."""
    return workers + max(0.0, 1 - 0.3 * workers) if workers else 1.0
