"""Fixtures for the tests of loops that run within the test's own process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.watching import Heard
from notifyd import log
from notifyd.engine.bounces import _Watched
from notifyd.store.pool import Store
from notifyd.vitals import Vitals
from support.databases import scratch_directory


@pytest.fixture
def directory() -> Iterator[Path]:
    """Give a directory that other users can enter too."""
    with scratch_directory() as made:
        yield made


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Give the events that are logged."""
    events: Heard = []

    def listen(_level: int, event: str, fields: log.Fields) -> None:
        events.append((event, dict(fields)))

    log.listeners.append(listen)
    log._sink.last.clear()  # what earlier tests have warned of is told again
    yield events
    log.listeners.remove(listen)


@pytest.fixture
def watched(directory: Path, store: Store) -> _Watched:
    """Give the watch, to be stepped by hand."""
    return _Watched(directory, store, Vitals(started_at=0.0))
