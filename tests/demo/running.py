"""The demo as a newcomer starts it: a process of its own, known by the lines it prints."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
_GLANCE = 0.02


class Demo:
    """A running demo; leaving the `with` block ends it and whatever it started.

    Attributes:
        url: Where its page is; empty until `ready`.
        daemon: Where the daemon's own page is; the same.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        """Describe it: its data go into `directory`, its page takes any free port."""
        self.url = self.daemon = ""
        self._output = directory / "output.txt"
        self._command = ["demo", "--port", "0", "--data", str(directory / "data"), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._family: list[psutil.Process] = []

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process."""
        assert self._process is not None
        return self._process

    def __enter__(self) -> Self:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "notifyd", *self._command], env=environment, stdout=output, stderr=output
            )
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for orphan in self.survivors():
            orphan.kill()

    def ready(self, within: float = 60) -> Self:
        """Wait for the lines that it announces, of which the INSERT is the last."""
        self._until(lambda: "Insert" in self.output and self.output.endswith("\n"), within)
        self.url, self.daemon = self.told("Look at"), self.told("Daemon")
        self._family = psutil.Process(self.process.pid).children(recursive=True)
        return self

    def told(self, label: str) -> str:
        """Return what stands behind a label in its announcement."""
        found = re.search(rf"^{label}\s+(.*)$", self.output, re.MULTILINE)
        assert found is not None, self.output
        return found[1]

    def ended(self, within: float = 60) -> int:
        """Wait for its end and return the exit code."""
        return self.process.wait(within)

    def member(self, name: str) -> psutil.Process:
        """Return the child whose command line holds a word."""
        return next(process for process in self._family if process.is_running() and name in process.cmdline())

    def survivors(self) -> list[psutil.Process]:
        """Return whatever it started that still runs."""
        alive = [process for process in self._family if process.is_running()]
        return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def _until(self, condition: object, within: float) -> None:
        assert callable(condition)
        end = time.monotonic() + within
        while not condition():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < end, self.output
            time.sleep(_GLANCE)
