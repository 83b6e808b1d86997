"""The end of a run: nothing goes wrong any more, and all that is left must reach its end, within a limit."""

import time

import anyio
import asyncpg

from chaos.booking import FINAL
from notifyd.store.connect import AWAY

LIMIT = 180.0
"""Seconds; the longest thing that may still be under way is a mail server's answer to a final dot."""

_GLANCE = 0.25  # seconds between two looks
_HURRY = 20  # looks between two times that time is moved
_PATIENCE = 5.0  # seconds for one look

_LEFT = """
select (select count(*) from notification_jobs where status <> all($1)) + (select count(*) from notifyd.leases)
"""

# A mail server that says 450 is asked again after a minute, and a job that waits for that proves nothing by waiting:
# time is moved for it instead. What is due soon is left alone: it may be an SMS in doubt, which waits for the grace.
_MOVE_TIME = """
update notifyd.schedule set due_at = now()
where waits_for is null and due_at > now() + interval '10 seconds'
"""


async def drain(dsn: str, limit: float = LIMIT) -> float | None:
    """Wait until every job is final and no lease is left.

    Returns:
        Seconds that it took; None if it was not over within the limit.
    """
    began = time.monotonic()
    looks = 0
    while await left(dsn, hurry=looks % _HURRY == 0) != 0:
        if time.monotonic() - began > limit:
            return None
        looks += 1
        await anyio.sleep(_GLANCE)
    return time.monotonic() - began


async def left(dsn: str, *, hurry: bool = False) -> int | None:
    """Return how much is left: jobs that are not final, and leases; None where the database does not answer.

    Args:
        dsn: The database.
        hurry: Move time for what is put off for long.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=_PATIENCE, command_timeout=_PATIENCE)
    except AWAY:
        return None
    try:
        if hurry:
            await connection.execute(_MOVE_TIME)
        return int(await connection.fetchval(_LEFT, FINAL))
    except AWAY:
        return None
    finally:
        connection.terminate()
