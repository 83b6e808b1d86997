"""The database's disk is full: the daemon waits, says why, and goes on where it stood as soon as there is room."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import asyncpg
import pytest

from notifyd.demo.postgres import Cluster
from support.databases import Databases, scratch_directory
from support.disk import Disk, small_disk
from support.waiting import until
from support.world import World, open_world

JOBS = 200


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Give a disk with room for a small database, or for a few segments of its log."""
    with scratch_directory() as directory, small_disk(directory, 96) as made:
        yield made


async def test_the_tables_find_no_room(disk: Disk, restartable: Cluster, tmp_path: Path) -> None:
    """No page can be added to a table: statements fail, the server stands; each message is sent once all the same."""
    dsn = await Databases(restartable).create()
    _move(restartable, "base", disk)
    async with open_world(restartable, dsn, tmp_path) as world:
        await world.insert_many(JOBS)
        with world.daemon(max_in_flight=20) as daemon:
            await until(lambda: len(world.mail.mails) > 20, hint=daemon.tail)
            disk.fill()
            full = await daemon.wait_for_event("database.away")
            assert "No space left on device" in full["reason"]
            disk.make_room()
            assert {"completed": JOBS} == await world.all_settled(60)
        await _each_sent_once(world)


async def test_the_log_finds_no_room(disk: Disk, restartable: Cluster, tmp_path: Path) -> None:
    """No segment can be added to the write-ahead log: the server itself goes down, and each message is sent once."""
    dsn = await Databases(restartable).create()
    _move(restartable, "pg_wal", disk)
    async with open_world(restartable, dsn, tmp_path) as world:
        await world.insert_many(JOBS)
        with world.daemon(max_in_flight=20) as daemon:
            await until(lambda: len(world.mail.mails) > 20, hint=daemon.tail)
            disk.fill()
            with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
                await _use_up_the_log(world)
            await daemon.wait_for_event("database.away")
            await anyio.to_thread.run_sync(restartable.kill)  # where it tries to recover and cannot
            disk.make_room()
            await anyio.to_thread.run_sync(restartable.start)
            world.booking = await asyncpg.connect(dsn)
            assert {"completed": JOBS} == await world.all_settled(60)
        await _each_sent_once(world)


def _move(cluster: Cluster, what: str, disk: Disk) -> None:
    cluster.stop()
    disk.take_in(cluster.directory / "data" / what)
    cluster.start()


async def _use_up_the_log(world: World) -> None:
    with anyio.fail_after(20):
        while True:
            await world.booking.execute("select pg_switch_wal(), pg_logical_emit_message(true, 'test', 'full')")


async def _each_sent_once(world: World) -> None:
    assert JOBS == len({mail.message_id for mail in world.mail.mails}) == len(world.mail.mails)
    assert JOBS == len({sms.to for sms in world.twilio.messages}) == len(world.twilio.messages)
    assert 1 == await world.booking.fetchval("select max(attempts) from notification_jobs")
