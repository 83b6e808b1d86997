"""A connection that does nothing but LISTEN: it says that there may be work, never what.

It may not open a transaction (a listener inside one blocks the clean-up of PostgreSQL's notification queue). It can die
without a word, so a notification sent over another connection must come back through it, again and again. Behind a
transaction pooler LISTEN is accepted and delivers nothing: the same probe finds that out.
"""

from collections.abc import Callable

import anyio
import asyncpg

from notifyd import log
from notifyd.store.connect import AWAY, DatabaseUnavailable, connect
from notifyd.store.pool import Store

CHANNEL = "notifyd"
"""What the trigger notifies, with an empty payload. A payload marks somebody's probe."""

PROBE_EVERY = 5.0
"""Seconds between two probes."""

PROBE_TIMEOUT = 5.0
"""Seconds a probe has to come back."""

REOPEN_AFTER = 1.0
"""Seconds before a lost connection is opened again."""

REOPEN_DEAF_AFTER = 60.0
"""Seconds before a connection is tried again that never delivered anything."""

PROBE = "select pg_notify($1, $2)"


async def listen(store: Store, dsn: str, on_wake: Callable[[], None], on_change: Callable[[bool], None]) -> None:
    """Call `on_wake` for every notification, and once after every reconnect, for ever.

    Args:
        store: Sends the probes.
        dsn: A direct connection, not one through a pooler.
        on_wake: Must be quick; it is called on the event loop.
        on_change: Told True once notifications are known to arrive, False when they may be missed.
    """
    while True:
        pause = REOPEN_AFTER
        try:
            pause = await _hear(store, dsn, on_wake, on_change)
        except (*AWAY, asyncpg.PostgresError, DatabaseUnavailable) as error:  # turned down, too: the poll does without
            reason = error if isinstance(error, DatabaseUnavailable) else DatabaseUnavailable.because(error)
            log.at_most_every(10.0, "listen.lost", reason=str(reason), next="the poll goes on; connecting again")
        on_change(False)
        await anyio.sleep(pause)


async def _hear(store: Store, dsn: str, on_wake: Callable[[], None], on_change: Callable[[bool], None]) -> float:
    """Listen on one connection until it is lost. Returns the seconds to wait before the next one."""
    connection = await connect(dsn, statement_cache_size=0)
    token = f"probe {id(connection):x} {connection.get_server_pid()}"
    echo, lost = anyio.Event(), anyio.Event()

    def on_notify(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload == "":
            on_wake()
        elif payload == token:
            echo.set()

    async def probe() -> bool:
        nonlocal echo
        echo = anyio.Event()
        await store.fetch(PROBE, CHANNEL, token, timeout=PROBE_TIMEOUT)
        with anyio.move_on_after(PROBE_TIMEOUT):
            await echo.wait()
        return echo.is_set()

    try:
        connection.add_termination_listener(lambda _connection: lost.set())
        with anyio.fail_after(PROBE_TIMEOUT):
            await connection.add_listener(CHANNEL, on_notify)
        if not await probe():
            log.warning(
                "listen.deaf",
                what="the connection is up and delivers nothing, as behind a transaction pooler; the poll goes on",
                cure="set LISTEN_URL to a direct connection",
            )
            return REOPEN_DEAF_AFTER
        log.info("listen.ready", channel=CHANNEL)
        on_change(True)
        on_wake()  # what was notified while nobody listened is gone
        while not lost.is_set() and await probe():
            with anyio.move_on_after(PROBE_EVERY):
                await lost.wait()
        log.warning("listen.lost", reason="the connection went silent", next="the poll goes on; connecting again")
        return REOPEN_AFTER
    finally:
        connection.terminate()
