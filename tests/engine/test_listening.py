"""LISTEN is a convenience: its loss is noticed, said, and costs nothing but time."""

import asyncpg

from support.databases import Databases
from support.proxy import Proxy
from support.waiting import until
from support.world import World


def _through(proxy: Proxy, dsn: str, port: int) -> str:
    return dsn.replace(f":{port}/", f":{proxy.port}/")


async def test_a_listen_connection_that_falls_silent_is_replaced(world: World, databases: Databases) -> None:
    """Half-open LISTEN connection: found by its probe within fifteen seconds, replaced, and wakes again at once."""
    port = databases.cluster.port
    async with Proxy(port) as proxy:
        with world.daemon(listen_url=_through(proxy, world.dsn, port), poll_interval=3600) as daemon:
            await daemon.wait_for_event("listen.ready")
            assert (await world.settled(await world.insert(), timeout=5))["status"] == "completed"
            proxy.silence()
            missed = await world.insert()
            await daemon.wait_for_event("listen.lost", timeout=15)
            assert (await world.settled(missed, timeout=15))["status"] == "completed"
            assert (await world.settled(await world.insert(), timeout=5))["status"] == "completed"


async def test_a_terminated_listen_connection_is_replaced_at_once(world: World) -> None:
    """pg_terminate_backend on the listener: noticed by the closed connection, and what was missed is fetched."""
    with world.daemon(poll_interval=3600) as daemon:
        await daemon.wait_for_event("listen.ready")
        admin = await asyncpg.connect(world.owner_dsn)
        await admin.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and usename = 'notifyd'"
        )
        missed = await admin.fetchval("select 1")
        assert missed == 1
        await admin.close()
        await until(lambda: len(daemon.events("listen.ready")) == 2, 10, hint=daemon.tail)
        assert (await world.settled(await world.insert(), timeout=5))["status"] == "completed"
