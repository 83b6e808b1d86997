"""Why a database does not carry out a dashboard, and what to do about it. Holds no value that a viewer gave."""

import re

import asyncpg

from notifyd.store.pool import Store
from notifyd.store.snapshots import READ_LIMIT


class Unusable(Exception):  # noqa: N818 - the state of a definition
    """The database does not carry out a statement of the definition: a table is missing, say, or it divides by nothing.

    The text names dashboard and file, and holds no value that a viewer gave.
    """

    cure = "correct the definition, or make the tables that it reads"


class Unreadable(Unusable):
    """It is there, and our role may not read it."""

    def __init__(self, text: str, cure: str) -> None:
        super().__init__(text)
        self.cure = cure


_DENIED = re.compile(r"permission denied for ([a-z ]+) (.+)")

_MISFITS = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.DatatypeMismatchError,
    asyncpg.CannotCoerceError,
    asyncpg.WrongObjectTypeError,
)


def is_refused(error: asyncpg.PostgresError) -> bool:
    """Tell whether PostgreSQL does not take the statement as it is written, whatever the values and the rows are.

    It does not know a name (class 42: PostgreSQL manual, appendix A), or it points to a place in the text, which it
    does only while it reads it: where a column has become `jsonb`, an array's literal is no JSON, which is of class 22.
    """
    return (error.sqlstate or "").startswith("42") or error.position is not None


def is_misfit(error: asyncpg.PostgresError) -> bool:
    """Tell whether the tables are other ones than a variant is for: a name is unknown, or a type is another.

    A literal that is none of its column's type is of class 22, and points to its place in the text.
    """
    return isinstance(error, _MISFITS) or (isinstance(error, asyncpg.DataError) and error.position is not None)


def said(error: asyncpg.PostgresError) -> str:
    """Return what PostgreSQL said: where it may hold a value that a viewer gave, its kind alone."""
    return str(error) if is_refused(error) else type(error).__name__


_GRANT = """
select 'grant ' || case $1::text
    when 'schema' then 'usage on schema ' || quote_ident($2::text)
    when 'function' then 'execute on function ' || (
        select oid::regprocedure from pg_proc where proname = $2 and not has_function_privilege(oid, 'execute')
        order by pg_function_is_visible(oid) desc limit 1
    )
    else 'select on ' || (
        select oid::regclass from pg_class where relname = $2 and not has_table_privilege(oid, 'select')
        order by pg_table_is_visible(oid) desc limit 1
    )
end || ' to ' || quote_ident(current_user) as cure
"""


async def unusable(store: Store, text: str, error: asyncpg.PostgresError) -> Unusable:
    """Return what to raise; where a right is missing, with the GRANT, as far as PostgreSQL speaks English."""
    if not isinstance(error, asyncpg.InsufficientPrivilegeError):
        return Unusable(text)
    cure = None
    if denied := _DENIED.match(str(error)):
        cure = (await store.fetch_unbound(_GRANT, *denied.groups(), timeout=READ_LIMIT))[0]["cure"]
    return Unreadable(text, cure or "give our role, or the owner of the view that reads it, the right to")
