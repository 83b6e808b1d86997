"""What the cache keeps: kinds of answers, how long each is kept, and a copy of one. Pure."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, Self, TypeVar

T = TypeVar("T")

_WIDTH = 16  # bytes of a digest: two different answers never share one by chance


@dataclass(frozen=True, slots=True)
class Keep:
    """How long an answer is kept.

    Attributes:
        ttl: Seconds from the beginning of its making in which it is served as it is.
        stale: Seconds after these in which it is still served, while a new one is made.
    """

    ttl: float
    stale: float


@dataclass(frozen=True, slots=True)
class Copy(Generic[T]):
    """An answer as it is kept.

    Attributes:
        value: What it was made from, where somebody asks for that; it is not weighed.
        body: JSON.
        etag: Names what it says, whenever that was said.
        as_of: The database's clock at its snapshot.
    """

    value: T
    body: bytes
    etag: str
    as_of: datetime

    @classmethod
    def of(cls, value: T, document: Mapping[str, Any], as_of: datetime) -> Self:
        """Write a copy down.

        Args:
            value: What it was made from, or None where nobody will ask for that.
            document: What viewers get, `as_of` in it; the etag is of all the rest.
            as_of: When it was so.
        """
        said = compact({name: part for name, part in document.items() if name != "as_of"}).encode()
        return cls(value, (compact(document) + "\n").encode(), blake2b(said, digest_size=_WIDTH).hexdigest(), as_of)


class Served(NamedTuple, Generic[T]):
    """A copy, and the seconds since its making began."""

    copy: Copy[T]
    age: float


@dataclass(frozen=True, slots=True)
class Source(Generic[T]):
    """A kind of answer.

    Attributes:
        name: Its name, in keys and metrics; up to a slash, the pool's whose connections it is read over.
        keep: How long its answers are kept.
        load: Makes one from its parameters.
        ours: Whether it depends on notifyd's own counts.
    """

    name: str
    keep: Keep
    load: Callable[[Mapping[str, str]], Awaitable[Copy[T]]]
    ours: bool = False

    @property
    def pool(self) -> str:
        """The name of the pool, which it shares with others of its kind."""
        return self.name.partition("/")[0]


def compact(body: Mapping[str, Any]) -> str:
    """Write JSON as every answer has it: without blanks, and without the NaN that no parser but Python's takes."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False)
