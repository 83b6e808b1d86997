"""One answer while it is made, and afterwards: what its making came to, and as of when."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple

import anyio

from notifyd.web.copies import Copy, Served, Source

FAILURE_PAUSE = 1.0
"""Seconds in which a failure is told again, so that a database in trouble is not hammered."""

OVERHEAD = 4_096
"""Bytes that an answer is taken to cost beside its body."""


class Key(NamedTuple):
    """What an answer is kept under: all that it depends on."""

    source: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Load:
    """An answer that is being made, or was: once it is `done` there is a copy or a failure.

    Attributes:
        source: Its kind.
        key: What it is made from.
        words: What takes it out of date when it is heard.
        began: When its making began, by the monotonic clock.
        revision: What had been heard by then; None before.
        copy: What was made.
        failure: Why nothing was.
        trace: Where that was raised.
        done: Whether it is over.
    """

    source: Source[Any]
    key: Key
    words: tuple[str, ...]
    began: float = 0.0
    revision: int | None = None
    copy: Copy[Any] | None = None
    failure: Exception | None = None
    trace: TracebackType | None = None
    done: anyio.Event = field(default_factory=anyio.Event)

    @property
    def ttl(self) -> float:
        """Seconds after `began` in which it is told again as it is."""
        return FAILURE_PAUSE if self.copy is None else self.source.keep.ttl

    @property
    def result(self) -> str:
        """What came of it, as it is counted: `made`, `failed`, or `refused` a place."""
        if self.copy is not None:
            return "made"
        return "refused" if self.revision is None else "failed"

    @property
    def size(self) -> int:
        """What it weighs, in bytes, by estimate."""
        return OVERHEAD + (0 if self.copy is None else len(self.copy.body))

    def told(self) -> Served[Any]:
        """Return the copy, or raise the failure."""
        if self.copy is not None:
            return Served(self.copy, anyio.current_time() - self.began)
        assert self.failure is not None
        raise self.failure.with_traceback(self.trace)  # or it would grow with each who is told
