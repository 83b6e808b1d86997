"""How long something took, many times: counted in buckets, so that a million durations weigh as much as one.

Pure: whoever measures passes seconds. What is lost is where in its bucket a duration lay, so quantiles are estimates.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

BOUNDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
"""Upper ends of the buckets in seconds, from one round trip on one machine to the longest that a statement may take.

Each is about twice the one before: that is what a quantile may be wrong by.
"""


@dataclass(slots=True)
class Histogram:
    """Durations in seconds.

    Attributes:
        counts: How many lay in each bucket; the last one has no upper end.
        total: Their sum.
        longest: The longest of them; 0 where there was none.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def cumulated(self) -> Iterator[tuple[float, int]]:
        """Yield each upper end, the last one infinite, with how many were at most as long: what Prometheus wants."""
        return zip((*BOUNDS, float("inf")), accumulate(self.counts), strict=True)

    def quantile(self, share: float) -> float | None:
        """Estimate how long the given share took at most, as if durations lay evenly in their buckets.

        Args:
            share: 0.99 for the 99th percentile.

        Returns:
            Seconds, never more than the longest; None where nothing was counted.
        """
        wanted = share * self.count
        below, before = 0.0, 0
        for end, upto in self.cumulated():
            if upto >= wanted and upto > before:
                above = min(end, self.longest)
                return min(below + (above - below) * (wanted - before) / (upto - before), self.longest)
            below, before = end, upto
        return None
