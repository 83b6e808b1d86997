"""Starts and stops a private PostgreSQL server: the demonstration's own, and throw-away ones for tests.

It listens on 127.0.0.1 alone and wants a password (scram-sha-256): with `trust`, any user of the machine could run
programs as the server's user. The password stands in a file that only its owner can read, never in a DSN.
"""

import os
import secrets
import signal
import socket
import subprocess
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from notifyd.demo.binaries import PostgresError, Runner, find, readable
from notifyd.demo.datadir import DEADLINE, SUPERUSER, DataDirectory, wait

_PORTS = (15_000, 32_000)  # below the ephemeral ones: of those, a closed one may be taken by the very client that
#                            keeps trying to reconnect to it, which then talks to itself
_TRIES = 20  # ports
_SETTINGS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC")
_THROW_AWAY = ("fsync=off", "full_page_writes=off")  # but synchronous_commit stays on: kill -9 must not undo a commit
_READY = "ready"  # the eighth line of postmaster.pid, see src/include/utils/pidfile.h in PostgreSQL


class Shutdown(Enum):
    """How a server is asked to stop; the names are PostgreSQL's own."""

    FAST = signal.SIGINT
    IMMEDIATE = signal.SIGQUIT


class Cluster:
    """One private PostgreSQL server and its data.

    Methods block, none for much longer than a minute: from asynchronous code, call them in a thread. The server is a
    child process in a session of its own.

    Attributes:
        port: On 127.0.0.1; the same after every restart, if it is free. 0 before the first start.
    """

    def __init__(self, directory: Path, programs: Path | None = None, *, durable: bool) -> None:
        """Describe a server; nothing is made yet.

        Args:
            directory: Made by `start` where it is missing. For root it must be one that user `nobody` can enter, see
                `notifyd.demo.datadir.place`.
            programs: The directory with PostgreSQL's programs; None looks for one.
            durable: False gives up what only a power cut would show, for speed.

        Raises:
            PostgresError: if there are no programs.
        """
        self.port = 0
        self._runner = Runner.choose()
        self._programs = find(programs)
        self._directory = DataDirectory(directory, self._runner)
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> Path:
        """Where the data, the server's log and the password are."""
        return self._directory.root

    @property
    def password(self) -> str:
        """The superuser's password. A role that is given the same one can use `dsn` as well."""
        return self._directory.password()

    @property
    def pid(self) -> int | None:
        """The process id of the server, or None when it is not running."""
        return self._process.pid if self._process else None

    def dsn(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Return a connection string for libpq and asyncpg; it names the file with the password, not the password."""
        passfile = quote(str(self._directory.passfile), safe="/")
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?passfile={passfile}"

    def psql(self, database: str = "postgres") -> list[str]:
        """Return the command that opens the database in psql; with `-c` and a statement behind it, it runs that."""
        return [str(self._programs / "psql"), self.dsn(database)]

    def run(self, statement: str, database: str = "postgres") -> str:
        """Run SQL as the superuser.

        Returns:
            What psql prints: one line a row, columns parted by `|`, no headers.

        Raises:
            PostgresError: with psql's message, if it fails.
        """
        command = [*self.psql(database), "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
        if done.returncode != 0:
            raise PostgresError(done.stderr.strip())
        return done.stdout.strip()

    def start(self) -> None:
        """Make the server where there is none yet, start it, and return when it accepts connections.

        Raises:
            PostgresError: if the directory is in use or cannot be entered, or the server does not come up; the text
                shows the end of its log.
        """
        if self._process is not None:
            raise PostgresError(f"the server in {self.directory} has already been started")
        self._directory.acquire()
        try:
            self._launch()
        except BaseException:
            self._end(signal.SIGKILL)
            raise

    def stop(self, how: Shutdown = Shutdown.FAST) -> None:
        """Stop the server and wait for its end; one that is not running is left alone."""
        self._end(how.value)

    def kill(self) -> None:
        """End the server with SIGKILL, as the kernel does when memory runs out; its last process is gone on return."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self) -> None:
        programs = readable(self._programs, self._runner, self.directory / "postgresql")
        self._directory.initialise(programs / "initdb", *([] if self._durable else ["--no-sync"]))
        self.port = _free_port(self.port or self._remembered_port())
        settings = [*_SETTINGS, f"port={self.port}", *([] if self._durable else _THROW_AWAY)]
        flags = [flag for setting in settings for flag in ("-c", setting)]
        self._process = process = self._directory.spawn(programs / "postgres", "-D", str(self._directory.data), *flags)
        wait(lambda: self._ready() or process.poll() is not None, lambda: self._did_not("start in time"))
        if process.poll() is not None:
            raise PostgresError(self._did_not("start"))
        (self.directory / "port").write_text(str(self.port))

    def _ready(self) -> bool:
        try:
            lines = self._directory.pidfile.read_text().splitlines()
        except OSError:  # not written yet
            return False
        return len(lines) > 7 and lines[7].strip() == _READY  # noqa: PLR2004 - the eighth line, see above

    def _remembered_port(self) -> int:
        try:
            return int((self.directory / "port").read_text())
        except (OSError, ValueError):
            return 0

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                os.kill(process.pid, how)
            wait(lambda: process.poll() is not None, lambda: self._did_not("stop"))
            wait(self._directory.deserted, lambda: self._did_not("stop"))
        self._directory.release()

    def _did_not(self, what: str) -> str:
        tail = self._directory.log_tail()
        return f"the PostgreSQL server in {self.directory} did not {what}; the end of its log:\n{tail}"


def _free_port(wanted: int) -> int:
    lowest, highest = _PORTS
    for port in (wanted, *(lowest + secrets.randbelow(highest - lowest) for _ in range(_TRIES))):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port:
            return port
    raise PostgresError(f"found no free port on 127.0.0.1 between {lowest} and {highest}")
