"""The demo's directory: one demo at a time, whose address the next one can tell, and no daemon left from a killed one.

A lock on a file says who is there: it goes with the process that holds it, however that ends.
"""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from notifyd.demo.datadir import place

_DEADLINE = 30.0  # seconds for a leftover daemon to drain
_GLANCE = 0.05


class DemoError(Exception):
    """The demo cannot go on; the text says why, and the way out."""


class Home:
    """A directory that is ours.

    Attributes:
        root: The directory.
        log: The daemon's log.
        config: Its configuration file.
        database: Where the PostgreSQL server lives.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "daemon.log"
        self.config = root / "notifyd.toml"
        self.database = root / "postgres"
        self._daemon_pid = root / "daemon.pid"
        self._url = root / "url"

    @property
    def url(self) -> str:
        """Where the page of the demo in this directory is, as far as is known."""
        with suppress(OSError):
            return self._url.read_text()
        return ""

    def announce(self, url: str) -> None:
        """Leave word where the page is."""
        self._url.write_text(url)

    def daemon_lock(self) -> IO[bytes]:
        """Open and lock the file that tells, handed down to the daemon, whether the daemon lives."""
        lock = (self.root / "daemon.lock").open("ab")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def remember_daemon(self, pid: int) -> None:
        """Write the daemon's process id down; it means something while `daemon_lock` is held by somebody."""
        self._daemon_pid.write_text(str(pid))

    def end_leftover(self) -> None:
        """End a daemon that a killed demo left running."""
        end = time.monotonic() + _DEADLINE
        with (self.root / "daemon.lock").open("ab") as lock:
            if _locks(lock):
                return
            with suppress(OSError, ValueError):
                os.kill(int(self._daemon_pid.read_text()), signal.SIGTERM)
            while not _locks(lock):
                if time.monotonic() > end:
                    raise DemoError(f"a daemon that an earlier demo left in {self.root} does not stop; kill it")
                time.sleep(_GLANCE)


@contextmanager
def occupy(wanted: Path) -> Iterator[Home]:
    """Take a directory, made where it is missing. For root it may lie elsewhere, see `datadir.place`.

    Raises:
        DemoError: another demo is running in it.
    """
    home = Home(place(wanted))
    home.root.mkdir(parents=True, exist_ok=True)
    with (home.root / "demo.lock").open("ab") as lock:
        if not _locks(lock):
            where = f" at {home.url}" if home.url else ""
            raise DemoError(
                f"a demo is already running in {wanted}{where}; open that one, stop it with Ctrl-C, or start another "
                "beside it with --data DIRECTORY"
            )
        home.announce("")
        home.end_leftover()
        yield home


def _locks(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
