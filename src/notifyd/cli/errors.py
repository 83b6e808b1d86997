"""Explains errors to the operator: what happened, what to do, and an exit code that scripts can rely on."""

import sys
import traceback
from enum import IntEnum

from notifyd.settings import ConfigurationError, is_debugging
from notifyd.store.connect import DatabaseUnavailable


class Exit(IntEnum):
    """The exit codes of every verb."""

    WELL = 0
    FAILED = 1
    USAGE = 2
    DATABASE = 3


class Explained(Exception):  # noqa: N818 - an explanation, not a fault of ours
    """An error whose text tells the operator what to do.

    Attributes:
        code: What the process exits with.
    """

    def __init__(self, text: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(text)
        self.code = code


_REFUSALS = {
    "28": "the user or the password is not accepted; see NOTIFYD_DATABASE_URL",  # invalid authorization specification
    "3D": "NOTIFYD_DATABASE_URL names a database that is not there",  # invalid catalog name
}
"""Classes of SQLSTATE (PostgreSQL manual, appendix A) with which a server turns a connection down."""


def explain(error: Exception) -> Exit:
    """Tell an error on standard error; with NOTIFYD_LOG_LEVEL=debug, its traceback too.

    Returns:
        The code to exit with.
    """
    if is_debugging():
        traceback.print_exception(error)
    text, code = told(error)
    sys.stderr.write(f"notifyd: {text}\n")
    return code


def told(error: BaseException) -> tuple[str, Exit]:
    """Return an error's explanation and exit code; of a task group's, those of the first error in it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case ConfigurationError():
            problems = "".join(f"\n  {problem}" for problem in error.problems)
            return f"the configuration cannot be used:{problems}", Exit.USAGE
        case Explained():
            return str(error), error.code
        case DatabaseUnavailable():
            return f"the database could not be reached: {error}; see NOTIFYD_DATABASE_URL", Exit.DATABASE
        case _:
            return _told_by_postgres(error) or (_told_by_others(error), Exit.FAILED)


def _told_by_postgres(error: BaseException) -> tuple[str, Exit] | None:
    sqlstate = getattr(error, "sqlstate", None) or ""  # what asyncpg's errors carry
    if refusal := _REFUSALS.get(sqlstate[:2]):
        return f"the database could not be reached: {refusal}", Exit.DATABASE
    if sqlstate == "42501":
        return f"the database does not allow it: {error}; `notifyd migrate` prints the GRANTs", Exit.FAILED
    return None


def _told_by_others(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if type(error).__module__.startswith("notifyd."):
        return str(error)
    return f"{type(error).__name__}: {error}\n  NOTIFYD_LOG_LEVEL=debug shows where"
