"""Opens one connection to PostgreSQL, host by host, and names what counts as the database being away.

A DSN may name several hosts (`postgresql://a,b/db`). The time limit of a connection attempt covers all hosts together
in asyncpg, so a silent first host would eat it; here each host has its own, and a host that is not writable is passed
over, so that a promoted standby is found. A host that lost its power closes no connection: TCP alone would wait for
it for a quarter of an hour.
"""

import socket
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg

CONNECT_TIMEOUT = 5.0
"""Seconds that one host has to accept a connection, and its kernel to confirm what we have sent."""

_WATCH = {  # tcp(7); where a system lacks one of them, the time limit of the statement finds the dead host, later
    "TCP_KEEPIDLE": 2,  # ask after so many seconds of silence
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": int(CONNECT_TIMEOUT * 1_000),
}

_found: dict[str, str] = {}  # the host that could be written to, by DSN: a dead one before it costs its time but once

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


class NoFreeConnection(TimeoutError):  # noqa: N818 - the state of a pool, in the words of the journal
    """Every connection of a pool was lent for longer than the caller could wait."""


class DatabaseUnavailable(Exception):  # noqa: N818 - the state of the world, in the words of the journal
    """The database could not be reached, or did not answer in time.

    Its text names the kind of trouble, never a password, a host's credentials or a value of a row.
    """

    @classmethod
    def because(cls, error: BaseException) -> "DatabaseUnavailable":
        """Wrap one of `AWAY` in words fit for the journal."""
        return cls(_tell(error))


def _tell(error: BaseException) -> str:
    if isinstance(error, NoFreeConnection):
        return "no connection of the pool was free within the time limit"
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


async def connect(dsn: str, *, wanted: str = "read-write", **options: Any) -> asyncpg.Connection:
    """Open a connection to the first host that accepts one and is what is wanted; the last one found is asked first.

    Args:
        dsn: One or several hosts.
        wanted: What a host must be where there are several, in the words of libpq's `target_session_attrs`.
        options: Passed on to `asyncpg.connect`.

    Raises:
        Exception: one of `AWAY`, that of the last host tried; others (a bad password, say) at once.
    """
    each = sorted(hosts(dsn), key=lambda one: one != _found.get(dsn))
    attributes: dict[str, Any] = {"target_session_attrs": wanted} if len(each) > 1 else {}
    for number, one in enumerate(each, start=1):
        try:
            opened: asyncpg.Connection = await asyncpg.connect(one, timeout=CONNECT_TIMEOUT, **attributes, **options)
        except AWAY:
            if number == len(each):
                raise
        else:
            _found[dsn] = one
            _watch(opened)
            return opened
    raise AssertionError("a DSN has at least one host")


def _watch(connection: asyncpg.Connection) -> None:
    """Let the kernel give the connection up when the other one's confirms nothing any more."""
    sock = cast(Any, connection)._transport.get_extra_info("socket")  # noqa: SLF001 - asyncpg has no other way to it
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    with suppress(OSError):  # closed already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _WATCH.items():
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
