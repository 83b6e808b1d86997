"""The directory of a private PostgreSQL server: its owner, its password, its data, and what an earlier run left there.

A directory belongs to one supervisor at a time. It holds `data`, `pgpass`, `server.log` and two lock files.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from notifyd.demo.binaries import PostgresError, Runner

SUPERUSER = "postgres"
DEADLINE = 60.0
"""Seconds for a start (crash recovery included), a stop, or the making of a server."""

_FOR_ROOT = Path("/var/lib/notifyd-demo")
_GLANCE = 0.01  # seconds between two looks at a condition
_TAIL = 2_000  # bytes of the server's log in an error


def place(wanted: Path) -> Path:
    """Return the wanted directory or, for root, where the user who runs the server cannot enter it, one that he can.

    A home of mode 0700 is such a case. The same directory has always the same replacement, and it survives restarts.
    """
    wanted = wanted.absolute()
    if Runner.choose().reaches(wanted):
        return wanted
    return _FOR_ROOT / hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]


def wait(condition: Callable[[], bool], failure: Callable[[], str]) -> None:
    """Wait until the condition holds.

    Raises:
        PostgresError: with the failure's text, if it does not within `DEADLINE`.
    """
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise PostgresError(failure())
        time.sleep(_GLANCE)


class DataDirectory:
    """Where one server lives.

    Attributes:
        root: The directory itself.
        data: PostgreSQL's own data directory in it.
        passfile: The password of every user, in libpq's format, readable by its owner alone.
        pidfile: PostgreSQL's `postmaster.pid`.
    """

    def __init__(self, root: Path, runner: Runner) -> None:
        self.root = root.absolute()
        self.data = self.root / "data"
        self.passfile = self.root / "pgpass"
        self.pidfile = self.data / "postmaster.pid"
        self._log = self.root / "server.log"
        self._runner = runner
        self._ours: IO[bytes] | None = None

    def password(self) -> str:
        """Return the password in the file."""
        return self.passfile.read_text().strip().rpartition(":")[2]

    def log_tail(self) -> str:
        """Return the end of the server's log, for an error's text."""
        return self._log.read_bytes()[-_TAIL:].decode(errors="replace").strip()

    def acquire(self) -> None:
        """Make the directory ours, and end a server that a killed supervisor left running in it.

        Raises:
            PostgresError: if another supervisor has it, or the server's user cannot enter it.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._runner.owns(self.root)
        if not self._runner.reaches(self.root):
            raise PostgresError(f"the user who runs PostgreSQL cannot enter {self.root}; choose another directory")
        ours = (self.root / "supervisor.lock").open("ab")
        if not _locked(ours):
            ours.close()
            raise PostgresError(f"{self.root} is in use by another notifyd; stop that one or choose another directory")
        self._ours = ours
        self._end_leftover()

    def release(self) -> None:
        """Let others have the directory."""
        if self._ours is not None:
            self._ours.close()
            self._ours = None

    def deserted(self) -> bool:
        """Tell whether the last process of the server has ended.

        All of them inherit an open, locked file: while the lock is held, the number in `postmaster.pid` is truly a
        server's; when it is free, that number may by now belong to anybody.
        """
        with (self.root / "server.lock").open("ab") as lock:
            return _locked(lock)

    def spawn(self, program: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL as the server's user, in a session of its own, its output in the log."""
        runner = self._runner
        groups: list[int] | None = [] if runner.uid is not None else None
        with self._log.open("ab") as log, (self.root / "server.lock").open("ab") as lock:
            if not _locked(lock):
                raise PostgresError(f"a server is still running in {self.root}")
            return subprocess.Popen(
                [str(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
                user=runner.uid,
                group=runner.gid,
                extra_groups=groups,
                pass_fds=[lock.fileno()],
                start_new_session=True,  # Ctrl-C in a terminal is for us, not for the server
            )

    def initialise(self, initdb: Path, *options: str) -> None:
        """Make the data, unless there are some.

        Raises:
            PostgresError: with the end of the log, if it fails.
        """
        if self.data.exists():
            return
        fresh = self.root / "data.new"  # renamed when whole: a start that was cut off is no obstacle to the next
        shutil.rmtree(fresh, ignore_errors=True)
        secret = self.root / "password.new"
        try:
            _write_private(self.passfile, f"127.0.0.1:*:*:*:{secrets.token_urlsafe(24)}\n")
            _write_private(secret, self.password())
            self._runner.owns(secret)
            made = self.spawn(
                initdb,
                f"--pgdata={fresh}",
                f"--username={SUPERUSER}",
                "--auth=scram-sha-256",
                f"--pwfile={secret}",
                "--encoding=UTF8",
                "--no-locale",
                *options,
            )
            if made.wait(DEADLINE) != 0:
                raise PostgresError(f"initdb failed: {self.log_tail()}")
        finally:
            secret.unlink(missing_ok=True)
        fresh.rename(self.data)

    def _end_leftover(self) -> None:
        if not self.deserted():
            with suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int(self.pidfile.read_text().split("\n", 1)[0]), signal.SIGINT)
            wait(self.deserted, lambda: f"the server that an earlier run left in {self.root} does not stop")
        self.pidfile.unlink(missing_ok=True)


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
