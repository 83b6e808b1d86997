"""A process with a wall clock of its own, by libfaketime; its monotonic clock is the true one, as after a wrong NTP."""

from pathlib import Path

import pytest

from support.daemon import DaemonProcess

_LIBRARIES = ("lib*/faketime/libfaketimeMT.so.1", "lib/*/faketime/libfaketimeMT.so.1")


class WallClock:
    """The wall clock of the processes that were put under it."""

    def __init__(self, directory: Path) -> None:
        """Make a clock that is right; the test is skipped where there is no libfaketime.

        Args:
            directory: Where to keep its state.
        """
        found = [path for place in _LIBRARIES for root in ("/usr", "/usr/local") for path in Path(root).glob(place)]
        if not found:
            pytest.skip("libfaketime is not installed")
        self._library = found[0]
        self._offset = directory / "clock"
        self.put_off("+0")

    def put_off(self, offset: str) -> None:
        """Let the clock be wrong, from now on, by an offset in the words of libfaketime: `-1d`."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(f"{offset}\n")
        fresh.rename(self._offset)

    def rule(self, daemon: DaemonProcess) -> DaemonProcess:
        """Let a daemon that is not started yet read this clock."""
        daemon._environment |= {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return daemon
