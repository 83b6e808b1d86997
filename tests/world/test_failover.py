"""The primary is gone and a standby takes over: the daemon finds it, and with synchronous replication nothing is amiss.

A host without power is harder to notice than a process that was killed: nobody closes its connections. Neither does a
primary that was told to take no more writes.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import asyncpg
import pytest

from notifyd.demo.postgres import Cluster
from support.databases import Databases
from support.proxy import Proxy
from support.standby import promote, standby
from support.waiting import until
from support.world import World, open_world

RESUMED_WITHIN = 10.0  # seconds, from the moment that there is a primary again
JOBS = 100


async def _killed(primary: Cluster, _proxy: Proxy) -> None:
    await anyio.to_thread.run_sync(primary.kill)


async def _vanished(primary: Cluster, proxy: Proxy) -> None:
    proxy.vanish()
    await anyio.to_thread.run_sync(primary.kill)


async def _demoted(primary: Cluster, _proxy: Proxy) -> None:
    primary.run("alter system set default_transaction_read_only = on")
    primary.run("select pg_reload_conf()")


@pytest.mark.parametrize("ended", [_killed, _vanished, _demoted])
async def test_a_promoted_standby_is_found(
    restartable: Cluster, tmp_path: Path, ended: Callable[[Cluster, Proxy], Awaitable[None]]
) -> None:
    """The primary is no more under load, a standby is promoted: all goes on within ten seconds, each message once."""
    dsn = await Databases(restartable).create()
    with standby(restartable) as second:
        async with open_world(restartable, dsn, tmp_path) as world, Proxy(restartable.port) as proxy:
            world.dsn = _one_of(world.dsn, proxy.port, second.port)
            await world.insert_many(JOBS)
            with world.daemon(lease=30, max_in_flight=10) as daemon:
                await until(lambda: len(world.mail.mails) > 20, hint=daemon.tail)
                await ended(restartable, proxy)
                await daemon.wait_for_event("database.away")
                settled = len(daemon.events("job.completed"))
                await anyio.to_thread.run_sync(promote, second)
                await until(lambda: len(daemon.events("job.completed")) > settled, RESUMED_WITHIN, hint=daemon.tail)
                world.booking.terminate()
                world.booking = await asyncpg.connect(_one_of(dsn, second.port))
                asked = proxy.connections
                await world.booking.execute(_CUT_OFF)
                await world.insert()
                assert {"completed": JOBS + 1} == await world.all_settled(60)
                assert asked == proxy.connections, "the host that was found last is asked first"
                assert [] == daemon.events("job.rescued")
            await _each_sent_once(world, JOBS + 1)


_CUT_OFF = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'notifyd'"


async def _each_sent_once(world: World, jobs: int) -> None:
    assert jobs == len({mail.message_id for mail in world.mail.mails}) == len(world.mail.mails)
    assert jobs == len({sms.to for sms in world.twilio.messages}) == len(world.twilio.messages)
    assert 1 == await world.booking.fetchval("select max(attempts) from notification_jobs")


def _one_of(dsn: str, *ports: int) -> str:
    before, _, after = dsn.partition("@127.0.0.1:")
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"{before}@{hosts}/{after.partition('/')[2]}"
