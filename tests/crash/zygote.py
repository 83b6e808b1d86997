"""Starts real daemons quickly: a process that has imported everything forks one for each run.

A start costs a twentieth of what it costs from the command line; what runs afterwards is the same `notifyd run`, in a
process of its own, with an environment of its own, its output in a log file.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from crash.nursery import KEPT


class Zygote:
    """The process that forks; leaving the `with` block ends it with all its daemons."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self, environment: Mapping[str, str], log: Path) -> int:
        """Start a daemon and return its process id, which stays its own until `reap`."""
        return self._ask({"do": "start", "environment": dict(environment), "log": str(log)})

    def reap(self, pid: int) -> int:
        """Wait for the end of a daemon that has been killed. Returns the status of its end, as `os.waitpid` has it."""
        return self._ask({"do": "reap", "pid": pid})

    def kill(self, pid: int) -> None:
        """Send SIGKILL to a daemon and wait for its end."""
        os.kill(pid, signal.SIGKILL)
        self.reap(pid)

    def _ask(self, question: Mapping[str, object]) -> int:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        tests = Path(__file__).parents[1]
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crash.nursery"],
            env={**kept, "PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.communicate(timeout=10)
