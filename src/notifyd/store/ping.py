"""Asks the database for a sign of life: no table is touched, so no lock and no load on one stands in the way."""

from notifyd.store.pool import Store

PING_LIMIT = 1.5
"""Seconds; whoever asks wants to hear soon that there will be no answer."""

PING = "select 1 as answer"


async def ping(store: Store) -> None:
    """Ask the database for a sign of life.

    Raises:
        notifyd.store.pool.DatabaseUnavailable: No answer in time.
    """
    await store.fetchrow(PING, timeout=PING_LIMIT)
