"""A streaming standby of a private server: promoted when its primary is gone."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from notifyd.demo.binaries import Runner, find, readable
from notifyd.demo.datadir import DEADLINE, wait
from notifyd.demo.postgres import Cluster
from support.databases import programs, scratch_directory


@contextmanager
def standby(primary: Cluster) -> Iterator[Cluster]:
    """Give a standby that every commit of the primary waits for from now on (synchronous replication).

    It takes read-only connections under the primary's password; `promote` makes it a primary.
    """
    with scratch_directory() as directory:
        runner = Runner.choose()
        tools = readable(find(programs()), runner, directory / "programs")
        made = Cluster(directory / "cluster", tools, durable=False)
        made.directory.mkdir(mode=0o700)
        runner.owns(made.directory)
        passfile = made.directory / "pgpass"
        passfile.touch(mode=0o600)
        passfile.write_text((primary.directory / "pgpass").read_text())
        subprocess.run(
            [
                *(tools / "pg_basebackup", "--checkpoint=fast", "--write-recovery-conf", "--no-sync"),
                *("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres", "-D", str(made.directory / "data")),
            ],
            env={**os.environ, "PGPASSWORD": primary.password, "PGAPPNAME": "standby"},
            user=runner.uid,
            group=runner.gid,
            cwd="/",
            check=True,
            timeout=DEADLINE,
        )
        made.start()
        try:
            primary.run("alter system set synchronous_standby_names = '*'")
            primary.run("select pg_reload_conf()")
            wait(lambda: _is_synchronous(primary), lambda: "the standby does not follow")
            yield made
        finally:
            made.kill()


def promote(cluster: Cluster) -> None:
    """Make a standby the primary, and return when it can be written to."""
    assert cluster.run("select pg_promote(true, 60)") == "t"


def _is_synchronous(primary: Cluster) -> bool:
    return primary.run("select count(*) from pg_stat_replication where sync_state = 'sync'") == "1"
