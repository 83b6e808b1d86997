"""A worker as a process of its own: it is started, looked at from outside, and stopped."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
"""Where `python -m benchmarks` finds itself."""

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")  # of our environment; NOTIFYD_* of the caller is not measured
_START_LIMIT = 30.0
_STOP_LIMIT = 40.0  # more than notifyd's own grace
_GLANCE = 0.02
_TAIL = 3_000  # bytes of its output in an error


class WorkerFailed(Exception):  # noqa: N818 - what became of a worker
    """A worker did not start, ended before its time, or did not do its work; the text shows the end of its output."""


@dataclass(frozen=True, slots=True)
class Command:
    """How a worker is started.

    Attributes:
        arguments: The command line.
        environment: Variables beside the usual ones.
        ready: What stands in its output once it is ready for work.
    """

    arguments: list[str]
    environment: Mapping[str, str]
    ready: str


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker."""

    process: psutil.Process
    output: Path

    def cpu(self) -> float:
        """Return the seconds of CPU it has used, in steps of 10 ms."""
        times = self.process.cpu_times()
        used: float = times.user + times.system
        return used

    def peak_rss(self) -> float:
        """Return the most memory it has held, in MiB (VmHWM of proc(5), the kernel's own high-water mark)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        (kilobytes,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
        return int(kilobytes) / 1024

    def check(self) -> None:
        """Raise WorkerFailed if it has ended."""
        if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
            raise self.failed("ended before its time")

    def failed(self, what: str) -> WorkerFailed:
        """Return the error that tells what went wrong."""
        tail = self.output.read_bytes()[-_TAIL:].decode(errors="replace")
        return WorkerFailed(f"the worker {what}; the end of its output:\n{tail}")


@asynccontextmanager
async def running(command: Command, output: Path) -> AsyncIterator[Worker]:
    """Run a worker while the block runs; at its end it is asked to stop, and must."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(command.environment)
    child = _start(command, output, environment)
    worker = Worker(psutil.Process(child.pid), output)
    try:
        await _until_ready(worker, command.ready)
        yield worker
        child.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.wait, _STOP_LIMIT)
    finally:
        child.kill()
        child.wait()


def _start(command: Command, output: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with output.open("wb") as log:
        return subprocess.Popen(
            command.arguments, env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )


async def _until_ready(worker: Worker, word: str) -> None:
    end = time.monotonic() + _START_LIMIT
    while word.encode() not in worker.output.read_bytes():
        worker.check()
        if time.monotonic() > end:
            raise worker.failed(f"was not ready within {_START_LIMIT:.0f} s")
        await asyncio.sleep(_GLANCE)
