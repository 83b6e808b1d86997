"""PgBouncer in transaction mode: many clients share few connections, and each transaction may get another one."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from notifyd.demo.binaries import Runner
from notifyd.demo.datadir import wait
from notifyd.demo.postgres import Cluster
from support.databases import scratch_directory

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}
"""


@contextmanager
def pgbouncer(cluster: Cluster, connections: int) -> Iterator[int]:
    """Run PgBouncer in front of a server and give its port; the test is skipped where there is no such program.

    Args:
        cluster: The server.
        connections: How many connections to the server the clients of one user and database share.
    """
    program = shutil.which("pgbouncer", path="/usr/local/bin:/usr/bin:/usr/sbin:/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    runner = Runner.choose()  # it refuses to run as root
    with scratch_directory() as directory, (directory / "log").open("w+b") as log:
        port, users, settings = _free_port(), directory / "users", directory / "pgbouncer.ini"
        users.touch(0o600)
        users.write_text("".join(f'"{user}" "{cluster.password}"\n' for user in ("postgres", "notifyd")))
        runner.owns(users)
        settings.write_text(
            _SETTINGS.format(server=cluster.port, port=port, users=users, connections=connections), encoding="utf-8"
        )
        process = subprocess.Popen([program, "--quiet", str(settings)], stdout=log, stderr=log, user=runner.uid)
        try:
            wait(lambda: _listens(port), lambda: f"pgbouncer does not listen: {(directory / 'log').read_text()}")
            yield port
        finally:
            process.kill()
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
