"""Opens one connection to PostgreSQL, host by host, and names what counts as the database being away.

A DSN may name several hosts (`postgresql://a,b/db`). The time limit of a connection attempt covers all hosts together
in asyncpg, so a silent first host would eat it; here each host has its own, and a host that is not writable is passed
over, so that a promoted standby is found.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

CONNECT_TIMEOUT = 5.0
"""Seconds that one host has to accept a connection."""

AWAY = (
    OSError,  # refused, reset, name not found; TimeoutError is one of them
    asyncpg.InterfaceError,  # the connection was closed under our hands
    asyncpg.InternalClientError,  # cut in the middle of a message, or a host that is not the primary
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, statement cancelled
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.ReadOnlySQLTransactionError,  # demoted behind our back
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
"""Errors that say nothing about a statement: the same statement may work in a moment."""

REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
"""A server that answers and turns us down: a wrong user, password or database. Waiting does not help."""


class DatabaseUnavailable(Exception):  # noqa: N818 - the state of the world, in the words of the journal
    """The database could not be reached, or did not answer in time.

    Its text names the kind of trouble, never a password, a host's credentials or a value of a row.
    """

    @classmethod
    def because(cls, error: BaseException) -> "DatabaseUnavailable":
        """Wrap one of `AWAY` in words fit for the journal."""
        return cls(_tell(error))


def _tell(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer within the time limit"
    if isinstance(error, OSError):
        return f"no connection ({error.strerror or type(error).__name__})"
    if isinstance(error, asyncpg.InternalClientError | asyncpg.InterfaceError):  # in words of asyncpg's own making
        return "the connection was lost"
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no detail'}"


def hosts(dsn: str) -> list[str]:
    """Split a DSN that names several hosts into one DSN for each, in order.

    Args:
        dsn: `postgresql://user:password@host1:port1,host2:port2/database?options`.
    """
    parts = urlsplit(dsn)
    credentials, at, addresses = parts.netloc.rpartition("@")
    return [urlunsplit(parts._replace(netloc=f"{credentials}{at}{address}")) for address in addresses.split(",")]


async def connect(dsn: str, **options: Any) -> asyncpg.Connection:
    """Open a connection to the first host that accepts one and can be written to.

    Args:
        dsn: One or several hosts.
        options: Passed on to `asyncpg.connect`.

    Raises:
        Exception: one of `AWAY`, that of the last host tried; others (a bad password, say) at once.
    """
    each = hosts(dsn)
    wanted: dict[str, Any] = {"target_session_attrs": "read-write"} if len(each) > 1 else {}
    for number, one in enumerate(each, start=1):
        try:
            return await asyncpg.connect(one, timeout=CONNECT_TIMEOUT, **wanted, **options)
        except AWAY:
            if number == len(each):
                raise
    raise AssertionError("a DSN has at least one host")
