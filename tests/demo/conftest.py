"""A directory for a demo's data that the user who runs PostgreSQL can enter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.databases import scratch_directory


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a directory of one's own."""
    with scratch_directory() as directory:
        yield directory
