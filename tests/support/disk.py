"""A disk of a few megabytes that can be filled and given room again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class Disk:
    """A small file system.

    Attributes:
        root: Where it is mounted.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    def take_in(self, directory: Path) -> None:
        """Move a directory with all its owners and modes onto the disk; a link stays in its place."""
        moved = self.root / directory.name
        subprocess.run(["cp", "-a", str(directory), str(moved)], check=True, timeout=60)
        subprocess.run(["rm", "-r", str(directory)], check=True, timeout=60)
        directory.symlink_to(moved)

    def fill(self) -> None:
        """Leave not a byte free."""
        with self._ballast.open("ab") as ballast:
            for piece in (1 << 20, 1 << 12):
                with suppress(OSError):  # less than a piece is left
                    while True:
                        os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), piece)

    def make_room(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(root: Path, megabytes: int) -> Iterator[Disk]:
    """Mount a small file system (in memory) at a directory; the test is skipped where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "notifyd-test", str(root)]
    if (refused := subprocess.run(mount, capture_output=True, text=True, timeout=60, check=False)).returncode:
        pytest.skip(f"a small disk cannot be mounted here: {refused.stderr.strip()}")
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", str(root)], check=True, timeout=60)
