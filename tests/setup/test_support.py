"""The tests' own foundation: what it promises to other tests."""

from pathlib import Path

import asyncpg
import psutil
import pytest

from notifyd.demo.postgres import Cluster
from support.daemon import DaemonProcess
from support.databases import Databases
from support.jobs import insert_job
from support.waiting import until


async def test_an_empty_database_is_empty_and_in_utc(empty_database: str) -> None:
    """A test starts from nothing, in UTC."""
    connection = await asyncpg.connect(empty_database)
    assert "UTC" == await connection.fetchval("show timezone")
    assert 0 == await connection.fetchval("select count(*) from pg_tables where schemaname in ('public', 'notifyd')")
    await connection.close()


async def test_a_database_can_have_another_zone(databases: Databases) -> None:
    """Sessions of such a database see the zone as if it were the server's."""
    dsn = await databases.create(migrated=False, timezone="Asia/Kolkata")
    connection = await asyncpg.connect(dsn)
    assert "Asia/Kolkata" == await connection.fetchval("show timezone")
    await connection.close()
    await databases.drop(dsn)


async def test_until_returns_what_it_found_and_fails_with_words() -> None:
    """The condition's value comes back; a failure shows the condition and what was seen last."""
    assert "found" == await until(lambda: "found")
    with pytest.raises(pytest.fail.Exception, match=r"not within 0.05 s: .*last seen: \[\]\nlook here"):
        await until(list[int], timeout=0.05, hint="look here")


async def test_a_restartable_cluster_keeps_its_address_and_data(restartable: Cluster) -> None:
    """An outage test comes back to the same DSN, and kill -9 undoes no commit."""
    dsn = restartable.dsn()
    restartable.run("create table kept (id int)")
    restartable.kill()
    with pytest.raises(OSError):  # noqa: PT011 - refused; how it is called depends on the system
        await asyncpg.connect(dsn)
    restartable.start()
    connection = await asyncpg.connect(dsn)
    assert 0 == await connection.fetchval("select count(*) from kept")
    await connection.close()


async def test_a_database_is_migrated_and_takes_a_job(database: str) -> None:
    """A row with the four columns of a booking system lands in a table of ours."""
    connection = await asyncpg.connect(database)
    job = await insert_job(connection, type="reminder_2h")
    row = await connection.fetchrow("select type, status from notification_jobs where id = $1", job)
    assert row is not None
    assert ("reminder_2h", "pending") == (row["type"], row["status"])
    await connection.close()


async def test_a_daemon_is_a_process_that_can_be_watched_and_stopped(database: str, tmp_path: Path) -> None:
    """It comes up, sends a job into nowhere, stands still under SIGSTOP, and ends well on SIGTERM."""
    connection = await asyncpg.connect(database)
    with DaemonProcess(database, tmp_path) as daemon:
        job = await insert_job(connection)
        assert "job.completed" == (await daemon.wait_for_event("job.completed", job=job))["event"]
        assert (await daemon.http()).startswith("http://127.0.0.1:")
        daemon.stop()
        assert psutil.STATUS_STOPPED == psutil.Process(daemon.pid).status()
        daemon.cont()
        assert 0 == await daemon.terminate()
    await connection.close()


async def test_a_daemon_that_ends_early_shows_its_log(tmp_path: Path) -> None:
    """A test that waits in vain says why: the daemon's own words and its exit code."""
    with (
        DaemonProcess("postgresql://127.0.0.1/nowhere", tmp_path, poll_interval="often") as daemon,
        pytest.raises(AssertionError, match=r"(?s)ended with 2 before job.completed.*POLL_INTERVAL"),
    ):
        await daemon.wait_for_event("job.completed")
