"""A connection that does nothing but LISTEN: it says that there may be work, never what, and whose rows have changed.

It may not open a transaction (a listener inside one blocks the clean-up of PostgreSQL's notification queue). It can die
without a word, so a notification sent over another connection must come back through it, again and again. Behind a
transaction pooler LISTEN is accepted and delivers nothing: the same probe finds that out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import anyio
import asyncpg

from notifyd import log
from notifyd.store.connect import AWAY, DatabaseUnavailable, connect
from notifyd.store.pool import Store
from notifyd.store.rollups import COUNTS

CHANNEL = "notifyd"
"""What the trigger notifies, with an empty payload. A payload marks somebody's probe."""

CHANGES = "notifyd_dashboard"
"""What any program notifies whose rows are shown on a dashboard: the salon's id, or nothing for all salons."""

LONGEST_WORD = 1_000
"""Characters of such an id; what is longer is none."""

PROBE_EVERY = 5.0
"""Seconds between two probes."""

PROBE_TIMEOUT = 5.0
"""Seconds a probe has to come back."""

REOPEN_AFTER = 1.0
"""Seconds before a lost connection is opened again."""

REOPEN_DEAF_AFTER = 60.0
"""Seconds before a connection is tried again that never delivered anything."""

PROBE = "select pg_notify($1, $2)"


@dataclass(frozen=True, slots=True)
class Ears:
    """What is called when something is heard. All must be quick: they are called on the event loop.

    Attributes:
        on_wake: There may be work. Called after every reconnect too.
        on_change: Rows that a dashboard shows have changed: those of the salon with this id, or of all where it is
            empty. Called with the latter after every reconnect.
        on_counts: Our own counts have changed, by whatever daemon.
        on_state: True: notifications are known to arrive; False: they may be missed.
    """

    on_wake: Callable[[], None]
    on_change: Callable[[str], None]
    on_counts: Callable[[], None]
    on_state: Callable[[bool], None]


async def listen(store: Store, dsn: str, ears: Ears) -> None:
    """Listen for ever, and connect again whenever that is needed.

    Args:
        store: Sends the probes.
        dsn: A direct connection, not one through a pooler.
        ears: What is told.
    """
    while True:
        pause = REOPEN_AFTER
        try:
            pause = await _hear(store, dsn, ears)
        except (*AWAY, asyncpg.PostgresError, DatabaseUnavailable) as error:  # turned down, too: the poll does without
            reason = error if isinstance(error, DatabaseUnavailable) else DatabaseUnavailable.because(error)
            log.at_most_every(10.0, "listen.lost", reason=str(reason), next="the poll goes on; connecting again")
        ears.on_state(False)
        await anyio.sleep(pause)


async def _hear(store: Store, dsn: str, ears: Ears) -> float:
    """Listen on one connection until it is lost. Returns the seconds to wait before the next one."""
    connection = await connect(dsn, statement_cache_size=0)
    token = f"probe {id(connection):x} {connection.get_server_pid()}"
    echo, lost = anyio.Event(), anyio.Event()

    def on_notify(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload == "":
            ears.on_wake()
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
            await connection.add_listener(CHANGES, lambda *told: _change(told[-1], ears))
            await connection.add_listener(COUNTS, lambda *_: ears.on_counts())
        if not await probe():
            log.warning(
                "listen.deaf",
                what="the connection is up and delivers nothing, as behind a transaction pooler; the poll goes on",
                cure="set LISTEN_URL to a direct connection",
            )
            return REOPEN_DEAF_AFTER
        log.info("listen.ready", channel=CHANNEL)
        ears.on_state(True)
        ears.on_wake()  # what was notified while nobody listened is gone
        ears.on_change("")
        while not lost.is_set() and await probe():
            with anyio.move_on_after(PROBE_EVERY):
                await lost.wait()
        log.warning("listen.lost", reason="the connection went silent", next="the poll goes on; connecting again")
        return REOPEN_AFTER
    finally:
        connection.terminate()


def _change(payload: object, ears: Ears) -> None:
    if isinstance(payload, str) and len(payload) <= LONGEST_WORD:
        ears.on_change(payload)
