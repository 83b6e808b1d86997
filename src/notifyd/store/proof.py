"""Proves that an index would serve a statement, without building it: on an empty copy of its table.

The copy is temporary and has the table's name, so it stands in front of the table where the statement names it. It has
that index alone, and the planner may not read it from end to end. If the planner then takes the index, its columns and
operators fit, and its predicate follows from the statement's condition, for the column types of this very database.
That it is the cheaper way is not proven: that depends on the rows.
"""

import re
from dataclasses import dataclass

import asyncpg

from notifyd.store.catalogue import without_names
from notifyd.store.connect import AWAY
from notifyd.store.explain import Question, explain, told
from notifyd.store.table import quoted

_CREATE = re.compile(
    r"\s*create\s+index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?(?P<name>[\w$]+)"
    r"\s+on\s+(?P<table>[\w$.\"]+)\s*(?P<what>(?:using|\().*?);?\s*",
    re.IGNORECASE | re.DOTALL,
)


class NotServed(Exception):  # noqa: N818 - the end of a proof
    """The index cannot serve the statement; the text completes "index NAME …"."""


class Unproven(Exception):  # noqa: N818 - a proof that could not be carried out
    """Whether it does could not be found out; the text completes "index NAME …"."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An index that somebody thinks a statement needs.

    Attributes:
        name: Its own.
        table: Its table's, as it was written.
        what: What follows the table's name: columns, predicate.
    """

    name: str
    table: str
    what: str

    @property
    def sql(self) -> str:
        """The statement that builds it without stopping the writes."""
        return f"create index concurrently {self.name} on {self.table} {self.what};"


def declared(sql: str) -> Declared:
    """Read a CREATE INDEX.

    Raises:
        NotServed: It is none.
    """
    found = _CREATE.fullmatch(sql)
    if found is None:
        raise NotServed("is not written as `create index concurrently NAME on TABLE (…)`")
    return Declared(found["name"].lower(), found["table"], found["what"].rstrip())


BUILT = """
select indpred is not null as partial, pg_get_indexdef(indexrelid) as definition
from pg_index where indexrelid = to_regclass('pg_temp.notifyd_proof')
"""


async def prove(connection: asyncpg.Connection, question: Question, what: str, table: tuple[str, str]) -> str:
    """Prove that an index serves a statement.

    Args:
        connection: In a transaction that may make a temporary table, and that will be rolled back.
        question: The statement.
        what: The index, from its columns on.
        table: Schema and name of its table.

    Returns:
        The index, from its method on, as PostgreSQL words it: two that are alike are worded alike.

    Raises:
        NotServed: It does not, or cannot be built.
        Unproven: The proof is not to be had here: on a standby, without a right, or through a view.
    """
    schema, bare = table
    real, copy = quoted(f"{schema}.{bare}"), quoted(f"pg_temp.{bare}")
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        await connection.execute(f"create temporary table {quoted(bare).rpartition('.')[2]} (like {real})")
        await connection.execute(f"create index notifyd_proof on {copy} {what}")
        ((partial, definition),) = await connection.fetch(BUILT)
        asked = Question(question.name, _beside(question.sql, schema, bare), question.pinned)
        plan = await explain(connection, asked, enable_seqscan="off")
    except (*AWAY, asyncpg.InsufficientPrivilegeError) as error:
        raise Unproven(f"could not be tried: {told(error)}") from error
    except asyncpg.PostgresError as error:
        raise NotServed(f"cannot be built: {told(error)}") from error
    finally:
        await savepoint.rollback()
    if not any(name == bare and space.startswith("pg_temp") for space, name in plan.tables):
        raise Unproven(f"could not be tried: the statement reaches {schema}.{bare} by another name")
    if "notifyd_proof" not in (plan.indexes if partial else plan.looked_up):
        why = "its predicate does not follow from the condition" if partial else "the condition is on other columns"
        raise NotServed(f"does not serve the statement: {why}")
    return without_names(definition)


def _beside(sql: str, schema: str, bare: str) -> str:
    """Let a statement that names the table with its schema name the copy."""
    return re.sub(rf'(?<![\w".])"?{re.escape(schema)}"?\."?{re.escape(bare)}\b"?', quoted(f"pg_temp.{bare}"), sql)
