"""What everything is measured on: a private PostgreSQL with the booking system's table, and the two sinks."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks.sinks import Sink, open_sink
from notifyd.demo import booking_system
from notifyd.demo.postgres import Cluster
from notifyd.store.migrate import migrate

TEMPLATES = Path(__file__).parent / "templates"
"""Holds `no_op`, the smallest type there can be."""

_VERSION = "select current_setting('server_version') || ', fsync ' || current_setting('fsync')"
_OUR_TABLES = """
select string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables
where schemaname = 'notifyd' and tablename <> 'migrations' or tablename = 'notification_jobs'
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that outlives a worker.

    Attributes:
        dsn: The database.
        booking: The booking system's connection.
        onlooker: Another one, to see how far a worker has come.
        mail: The mail server.
        twilio: The Twilio stand-in.
        directory: For the output of workers.
    """

    dsn: str
    booking: asyncpg.Connection
    onlooker: asyncpg.Connection
    mail: Sink
    twilio: Sink
    directory: Path

    async def clear(self) -> None:
        """Make it as it was at the start: no rows, no dead rows, nothing left to be flushed, no arrivals."""
        await self.booking.execute(f"truncate {await self.booking.fetchval(_OUR_TABLES)}")
        await self.booking.execute("checkpoint")
        self.mail.skip()
        self.twilio.skip()

    async def version(self) -> str:
        """Return PostgreSQL's, and whether it waits for the disk."""
        return str(await self.booking.fetchval(_VERSION))


@contextmanager
def open_cluster(*, durable: bool) -> Iterator[Cluster]:
    """Start the PostgreSQL alone, and stop it again."""
    with _scratch_directory() as directory, Cluster(directory / "postgres", durable=durable) as cluster:
        yield cluster


@asynccontextmanager
async def open_stage(*, durable: bool) -> AsyncIterator[Stage]:
    """Set the stage, and take it down again."""
    with _scratch_directory() as directory, Cluster(directory / "postgres", durable=durable) as cluster:
        dsn = cluster.dsn()
        await booking_system.set_up(dsn)
        await migrate(dsn, booking_system.TABLE)
        with (
            open_sink("notifyd.demo.mail_sink", directory / "mails.jsonl") as mail,
            open_sink("notifyd.demo.twilio_stand_in", directory / "sms.jsonl") as twilio,
        ):
            booking = await asyncpg.connect(dsn)
            onlooker = await asyncpg.connect(dsn, server_settings={"enable_seqscan": "off", "enable_bitmapscan": "off"})
            try:
                yield Stage(dsn, booking, onlooker, mail, twilio, directory)
            finally:
                await booking.close(timeout=5)
                await onlooker.close(timeout=5)


@contextmanager
def _scratch_directory() -> Iterator[Path]:
    """Give a directory that the user who runs PostgreSQL can enter, should we be root."""
    directory = Path(tempfile.mkdtemp(prefix="notifyd-bench-"))
    try:
        directory.chmod(0o755)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
