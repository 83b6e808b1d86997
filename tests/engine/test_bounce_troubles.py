"""The watched directory in trouble: what cannot be read, taken away or written down waits, and holds nothing up."""

import os
from pathlib import Path

import anyio
import anyio.to_thread
import asyncpg

from engine.watching import EVERY, NOBODY, Heard, as_nobody, look_twice, names, permit, sent, told
from notifyd.demo.postgres import Cluster
from notifyd.engine.bounces import AT_ONCE, _Watched, watch
from notifyd.store.pool import Store, open_store
from notifyd.vitals import Vitals
from store.shapes import TABLE
from store.steps import RECIPIENT
from support.bounces import bounce
from support.databases import Databases
from support.waiting import until


async def test_unreadable(
    watched: _Watched, directory: Path, store: Store, connection: asyncpg.Connection, heard: Heard
) -> None:
    """A file that may not be read stays, is told of now and then, and holds nothing up."""
    job = await sent(store, connection)
    if os.geteuid() == 0:
        os.chown(directory, NOBODY, -1)
    for number in range(AT_ONCE):
        (directory / str(number)).touch(mode=0)
    with as_nobody():
        await look_twice(watched)
    (directory / "bounce").write_bytes(bounce(job.key, RECIPIENT))
    with as_nobody():
        await look_twice(watched)
    assert {str(number) for number in range(AT_ONCE)} == names(directory)
    assert ("undelivered", "5.1.1") == await told(connection, job)
    assert ["Permission denied"] == [fields["reason"] for event, fields in heard if event == "bounce.unreadable"]


async def test_a_directory_that_may_not_be_changed(
    watched: _Watched, directory: Path, store: Store, connection: asyncpg.Connection, heard: Heard
) -> None:
    """Bounces that cannot be taken away are written down, told of, and taken away when they can be."""
    job = await sent(store, connection)
    (directory / "1").write_bytes(bounce(job.key, RECIPIENT))
    permit(directory, 0o555)
    with as_nobody():
        await look_twice(watched)
        await watched.look()
    assert {"1"} == names(directory)
    assert ("undelivered", "5.1.1") == await told(connection, job)
    assert 1 == len([event for event, _ in heard if event == "bounce.unreadable"])
    permit(directory, 0o755)
    await watched.look()
    assert set() == names(directory)


async def test_no_directory(directory: Path, store: Store, heard: Heard) -> None:
    """A directory that is not there is told of, and looked at when it is."""
    watched = _Watched(directory / "later", store, Vitals(started_at=0.0))
    await look_twice(watched)
    assert ["No such file or directory"] == [fields["reason"] for _, fields in heard]
    (directory / "later").mkdir()
    (directory / "later" / "1").write_bytes(b"Hello")
    await look_twice(watched)
    assert {"later/unmatched/1"} == names(directory)


async def test_an_outage(restartable: Cluster, directory: Path, heard: Heard) -> None:
    """Without a database nothing is taken away; when it is back everything is written down."""
    dsn = await Databases(restartable).create()
    async with open_store(dsn, TABLE, connections=4) as store:
        connection = await asyncpg.connect(dsn)
        job = await sent(store, connection)
        await connection.close()
        await anyio.to_thread.run_sync(restartable.kill)
        (directory / "1").write_bytes(bounce(job.key, RECIPIENT))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch, directory, store, Vitals(started_at=0.0), EVERY)
            await until(lambda: any(event == "database.away" for event, _ in heard))
            assert {"1"} == names(directory)
            await anyio.to_thread.run_sync(restartable.start)
            await until(lambda: not names(directory), timeout=30)
            tasks.cancel_scope.cancel()
        connection = await asyncpg.connect(dsn)
        assert ("undelivered", "5.1.1") == await told(connection, job)
        await connection.close()


async def test_a_bug(
    watched: _Watched, directory: Path, store: Store, connection: asyncpg.Connection, heard: Heard
) -> None:
    """A file that meets a bug, or a table that is missing, stays for a better day, told of once."""
    job = await sent(store, connection)
    (directory / "1").write_bytes(bounce(job.key, RECIPIENT))
    await connection.execute("alter table notifyd.deliveries rename to elsewhere")
    for _ in range(3):
        await watched.look()
    assert {"1"} == names(directory)
    assert ["bounce.bug"] == [event for event, _ in heard]
    await connection.execute("alter table notifyd.elsewhere rename to deliveries")
    await watched.look()
    assert set() == names(directory)
    assert ("undelivered", "5.1.1") == await told(connection, job)
