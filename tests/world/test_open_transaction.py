"""A booking transaction stays open after its INSERT: nobody else waits for it, and its row is sent once it commits."""

import os
import time

import asyncpg

from support.jobs import insert_job
from support.world import World

OPEN_SECONDS = float(os.environ.get("NOTIFYD_TEST_OPEN_SECONDS", "3"))


async def test_a_booking_that_takes_its_time(world: World) -> None:
    """Rows inserted later are sent meanwhile; the commit itself wakes the daemon, which would not look for an hour."""
    with world.daemon(poll_interval=3600) as daemon:
        await daemon.wait_for_event("listen.ready")
        booking = await asyncpg.connect(world.owner_dsn)
        async with booking.transaction():
            late = await insert_job(booking)
            began = time.monotonic()
            while time.monotonic() - began < OPEN_SECONDS:
                assert "completed" == (await world.settled(await world.insert("email"), timeout=5))["status"]
            assert [] == daemon.events("job.claimed", job=late)
        committed = time.monotonic()
        await daemon.wait_for_event("job.claimed", job=late)
        assert time.monotonic() - committed < 5
        assert ("completed", 1) == tuple((await world.settled(late, timeout=5)).values())[:2]
        await booking.close()
    assert 1 == len(world.twilio.messages)
