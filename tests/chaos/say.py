"""Progress: one line for each thing that happens, on standard error and in the run's own log."""

import sys
import time
from pathlib import Path


class Narrator:
    """Tells lines with the seconds since the chaos began."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._began = time.monotonic()

    def begin(self) -> None:
        """Count the seconds from now on."""
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        """Tell one line."""
        line = f"{time.monotonic() - self._began:7.1f} s  {text}\n"
        sys.stderr.write(line)
        sys.stderr.flush()
        with self._log.open("a") as log:
            log.write(line)
