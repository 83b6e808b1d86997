"""A bounded place for what may be wanted again: what nobody asked for the longest goes first. Pure."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Shelf(Generic[K, V]):
    """Keeps at most so many things, of at most so many bytes together.

    Attributes:
        weight: Bytes of all that is on it.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._things: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: K) -> V | None:
        """Return what is kept under the key, and let it stay longest."""
        found = self._things.get(key)
        if found is None:
            return None
        self._things.move_to_end(key)
        return found[0]

    def put(self, key: K, thing: V, size: int) -> int:
        """Keep a thing, in place of the one under its key. Returns how many had to go for it; it may be one of them."""
        if (old := self._things.pop(key, None)) is not None:
            self.weight -= old[1]
        self._things[key] = thing, size
        self.weight += size
        gone = 0
        while len(self._things) > self._most or self.weight > self._most_bytes:
            self.weight -= self._things.popitem(last=False)[1][1]
            gone += 1
        return gone
