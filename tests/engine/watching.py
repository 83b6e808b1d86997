"""What the tests of the watched directory share: e-mails that were sent, and looks at what became of their bounces."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from notifyd.engine.bounces import _Watched
from notifyd.model.job import Job
from notifyd.store.pool import Store
from store.steps import claimed, complete

EVERY = 0.02
"""Seconds between two looks, where nobody steps them by hand."""

NOBODY = 65534
Heard = list[tuple[str, dict[str, Any]]]
"""Events that were logged, with their fields."""


async def sent(store: Store, connection: asyncpg.Connection) -> Job:
    """Return a job whose e-mail was sent to `RECIPIENT`."""
    job = await claimed(store, connection)
    await complete(store, job)
    return job


async def told(connection: asyncpg.Connection, job: Job) -> tuple[str | None, str | None]:
    """Return what the ledger has heard: state and code."""
    row = await connection.fetchrow("select receipt, receipt_code from notifyd.deliveries where job_key = $1", job.key)
    assert row is not None
    return row["receipt"], row["receipt_code"]


def names(directory: Path) -> set[str]:
    """Return what is in a directory, by its path within it."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def everything(directory: Path) -> list[Path]:
    """Return what is in a directory, be it a file or not."""
    return sorted(directory.rglob("*"))


def permit(directory: Path, mode: int) -> None:
    """Say what others may do in a directory."""
    directory.chmod(mode)


async def look_twice(watched: _Watched) -> None:
    """Look, and look again: what has not changed is taken by the second look."""
    await watched.look()
    await watched.look()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Lose root's right to everything, where we have it."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
