"""The providers' stand-ins as processes of their own, and what has arrived at them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Sink:
    """A running stand-in.

    Attributes:
        address: What it printed at its start: port, and for Twilio the base URL and the credentials.
        journal: The file to which it appends a line of JSON for each message.
    """

    address: dict[str, Any]
    journal: Path
    _read: int = field(default=0)

    def skip(self) -> None:
        """Forget what has arrived so far."""
        self._read = self.journal.stat().st_size

    def arrivals(self) -> list[tuple[str, float]]:
        """Return recipient and moment (`time.monotonic()`, comparable on Linux) of all that arrived since `skip`."""
        with self.journal.open("rb") as file:
            file.seek(self._read)
            lines = [json.loads(line) for line in file if line.endswith(b"\n")]
        return [(_recipient(line["to"]), line["arrived"]) for line in lines]


def _recipient(to: Any) -> str:
    return to if isinstance(to, str) else " ".join(to)


@contextmanager
def open_sink(module: str, journal: Path) -> Iterator[Sink]:
    """Run a stand-in while the block runs.

    Args:
        module: `notifyd.demo.mail_sink` or `notifyd.demo.twilio_stand_in`.
        journal: Made anew.
    """
    journal.write_bytes(b"")
    command = [sys.executable, "-m", module, "--out", str(journal)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        yield Sink(json.loads(process.stdout.readline()), journal)
    finally:
        process.kill()
        process.communicate()
