"""What was measured, and the medians and ratios of it. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.contestants import Contestant


@dataclass(frozen=True, slots=True)
class Figure:
    """What is measured.

    Attributes:
        name: `e-mails`.
        unit: `jobs/s`.
        digits: Shown behind the point.
    """

    name: str
    unit: str
    digits: int = 0


@dataclass(slots=True)
class Figures:
    """All that was measured in one run, by figure and contestant, in the order in which it was."""

    measured: dict[Figure, dict[Contestant, list[float]]] = field(default_factory=dict)

    def add(self, figure: Figure, who: Contestant, value: float) -> None:
        """Add one measurement."""
        self.measured.setdefault(figure, {}).setdefault(who, []).append(value)

    def median(self, figure: Figure, who: Contestant) -> float | None:
        """Return the median of a contestant's measurements; None where there is none."""
        values = self.measured.get(figure, {}).get(who)
        return median(values) if values else None

    def ratio(self, figure: Figure, of: Contestant, to: Contestant) -> float | None:
        """Return the median of the ratios within a round: what slows a whole round down is not in it.

        Where the two were not measured in turn, it is the ratio of the medians.
        """
        above, below = self.measured[figure].get(of), self.measured[figure].get(to)
        if not above or not below or 0 in below:
            return None
        if len(above) != len(below):
            return median(above) / median(below)
        return median(a / b for a, b in zip(above, below, strict=True))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of all do not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100) - 1, 0)]
