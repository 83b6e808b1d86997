"""Fixtures of the crash-point suite."""

from collections.abc import Iterator

import pytest

from crash.zygote import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Give what starts daemons, quickly."""
    with Zygote() as started:
        yield started
