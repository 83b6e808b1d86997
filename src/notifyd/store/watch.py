"""Measures one pool: how long callers wait for a connection, how long statements take, and what goes wrong.

Writes into `PoolVitals` and, where a statement was slow, into the log; it sees names and seconds, never a value.
"""

from collections.abc import Awaitable
from time import perf_counter
from typing import Any, TypeVar

import asyncpg

from notifyd import log
from notifyd.model.histogram import Histogram
from notifyd.store.connect import NoFreeConnection, connect
from notifyd.vitals import PoolVitals

T = TypeVar("T")

SLOW_PAUSE = 1.0
"""The least seconds between two lines about slow statements."""

NOT_MIGRATED = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
)
"""Errors that waiting cannot cure."""

CLASSES = {
    "no_free_connection": (NoFreeConnection,),
    "timeout": (TimeoutError, asyncpg.QueryCanceledError),
    "conflict": (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError),
    "read_only": (asyncpg.ReadOnlySQLTransactionError,),
    "no_room": (asyncpg.InsufficientResourcesError,),
    "not_migrated": NOT_MIGRATED,
    "refused": (asyncpg.PostgresError,),
    "no_connection": (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError),
}
"""The errors of statements as they are counted; the first class that an error belongs to is its own.

`no_room`: connections, disk or memory have run out. `refused`: PostgreSQL took the statement, or a value in
it, for wrong.
"""

_CUT = (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)  # PostgreSQL's own words for a lost one


def classify(error: BaseException) -> str:
    """Return the name in `CLASSES` under which an error is counted."""
    if isinstance(error, _CUT) and not isinstance(error, asyncpg.QueryCanceledError):
        return "no_connection"
    return next((name for name, kinds in CLASSES.items() if isinstance(error, kinds)), "bug")


class Watch:
    """Writes down what one pool goes through.

    Attributes:
        vitals: Where to.
    """

    def __init__(self, limit: int, slow: float) -> None:
        self._slow = slow
        self.vitals = PoolVitals(limit)

    async def connect(self, dsn: str, **options: Any) -> asyncpg.Connection:
        """Open a connection as `store.connect` does, and count it for as long as it is open."""
        connection = await connect(dsn, **options)
        connection.add_termination_listener(self._closed)
        self.vitals.open += 1
        return connection

    def _closed(self, _connection: object) -> None:
        self.vitals.open -= 1

    async def waited(self, connection: Awaitable[T]) -> T:
        """Wait for a connection of the pool. `given_back` must follow, if one came.

        Raises:
            NoFreeConnection: All were lent for too long.
        """
        vitals = self.vitals
        began = perf_counter()
        vitals.waiting += 1
        try:
            lent = await connection
        except TimeoutError as error:
            vitals.timeouts_total += 1
            if vitals.active >= vitals.limit:
                raise NoFreeConnection from error
            raise
        finally:
            vitals.waiting -= 1
            vitals.waits.add(perf_counter() - began)
        vitals.active += 1
        return lent

    def given_back(self) -> None:
        """Count a connection that nobody needs any more."""
        self.vitals.active -= 1

    async def timed(self, name: str, answer: Awaitable[T]) -> T:
        """Wait for a statement's answer, and write down how long it took, however it ended.

        Args:
            name: The statement's; it becomes a metric's label, so there must be few, and no stranger may choose it.
            answer: What a connection returned when it was asked.
        """
        began = perf_counter()
        try:
            return await answer
        finally:
            took = perf_counter() - began
            times = self.vitals.statements.get(name) or self.vitals.statements.setdefault(name, Histogram())
            times.add(took)
            if took >= self._slow:
                log.at_most_every(SLOW_PAUSE, "statement.slow", statement=name, ms=round(took * 1_000))

    def failed(self, error: Exception) -> None:
        """Count an error under its class."""
        self.vitals.errors_total[classify(error)] += 1
