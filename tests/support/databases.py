"""Throw-away databases on a throw-away server; a migrated one is a copy of a template, which takes 50 ms."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from notifyd.demo.binaries import Runner, find, readable
from notifyd.demo.postgres import Cluster

TEMPLATE = "template_migrated"


def programs() -> Path | None:
    """Return the directory of PostgreSQL's programs that NOTIFYD_TEST_PG_BIN names, or None for the default ones."""
    named = os.environ.get("NOTIFYD_TEST_PG_BIN")
    return Path(named) if named else None


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Give a directory that the user who runs PostgreSQL can enter; as root, he cannot enter pytest's `tmp_path`."""
    directory = Path(tempfile.mkdtemp(prefix="notifyd-test-"))
    try:
        directory.chmod(0o755)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def private_cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """Give a running server that a test may stop, kill and start again, with the template for migrated databases."""
    with scratch_directory() as directory:
        ready = readable(find(programs()), Runner.choose(), directory / "programs")
        cluster = Cluster(directory / "cluster", ready, durable=durable)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.kill()


class Databases:
    """Makes databases on one server.

    Attributes:
        cluster: The server.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._numbers = itertools.count(1)
        self._migrated = False

    async def create(self, *, migrated: bool = True, timezone: str | None = None) -> str:
        """Make a database.

        Args:
            migrated: False leaves it empty.
            timezone: The zone of its sessions, as if it were the server's; UTC if None.

        Returns:
            Its DSN, for the superuser.
        """
        if migrated:
            await self._prepare()
        name = f"test_{next(self._numbers)}"
        template = TEMPLATE if migrated else "template1"
        admin = await asyncpg.connect(self.cluster.dsn())
        try:
            await admin.execute(f"create database {name} template {template} strategy file_copy")
            if timezone is not None:
                await admin.execute(f"alter database {name} set timezone to '{timezone}'")
        finally:
            await admin.close()
        return self.cluster.dsn(name)

    async def drop(self, dsn: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = dsn.partition("?")[0].rpartition("/")[2]
        admin = await asyncpg.connect(self.cluster.dsn())
        try:
            await admin.execute(f"drop database if exists {name} with (force)")
        finally:
            await admin.close()

    async def _prepare(self) -> None:
        if self._migrated:
            return
        from notifyd.store.migrate import migrate  # noqa: PLC0415 - tests of other things run without it

        admin = await asyncpg.connect(self.cluster.dsn())
        try:
            await admin.execute(f"create database {TEMPLATE}")
        finally:
            await admin.close()
        await migrate(self.cluster.dsn(TEMPLATE))
        self._migrated = True
