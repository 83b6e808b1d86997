"""A series of what came to an end, hour by hour or day by day: made of the counts that a snapshot has found. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

HOURLY = timedelta(days=7, hours=1)
"""A series that begins no longer ago than this has a point for every hour, else one for every day, both in UTC. Seven
days ago lies in an hour that had begun before."""

MOST_POINTS = 400
"""Points of a series: a year of days, and some."""

Found = Mapping[tuple[datetime, str, str], int]
"""Counts by the start of a point in UTC, channel (`job`, `email`, `sms`) and outcome."""


class SeriesRefused(Exception):  # noqa: N818 - the refusal of a request
    """There can be no series since that moment; the text says why."""


@dataclass(frozen=True, slots=True)
class Point:
    """What came to an end in one step of the series; zeros too.

    Attributes:
        start: Of the step, in UTC; the last step is not over yet.
        jobs: `completed`, of which `partial` with one channel given up, `failed` and `cancelled`.
        channels: By channel: `sent`, `failed` and `suppressed`, for SMS also the `segments` sent.
    """

    start: datetime
    jobs: Mapping[str, int]
    channels: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Series:
    """Points in order of time, none left out.

    Attributes:
        step: From one point's start to the next.
    """

    step: timedelta
    points: tuple[Point, ...]

    def as_json(self) -> list[dict[str, object]]:
        """Return the points as `/stats` shows them."""
        return [{**asdict(point), "start": point.start.isoformat()} for point in self.points]


def assemble(found: Found, since: datetime, as_of: datetime) -> Series:
    """Make a series.

    Args:
        found: Counts by hour, or by day where the series has a point for every day.
        since: In the first step; with a zone.
        as_of: In the last step; with a zone.

    Raises:
        SeriesRefused: There would be too many points, or none.
    """
    step = step_of(since, as_of)
    first = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = first if step < timedelta(days=1) else first.replace(hour=0)
    count = (as_of - first) // step + 1
    if since > as_of:
        raise SeriesRefused("since lies in the future")
    if count > MOST_POINTS:
        raise SeriesRefused(f"since lies more than {MOST_POINTS} days back")
    return Series(step, tuple(_point(found, first + number * step) for number in range(count)))


def step_of(since: datetime, as_of: datetime) -> timedelta:
    """Return how long a step of the series is."""
    return timedelta(hours=1) if as_of - since <= HOURLY else timedelta(days=1)


def _point(found: Found, start: datetime) -> Point:
    def of(channel: str, *outcomes: str) -> dict[str, int]:
        return {outcome: found.get((start, channel, outcome), 0) for outcome in outcomes}

    jobs = of("job", "completed", "partial", "failed", "cancelled")
    jobs["completed"] += jobs["partial"]
    final = ("sent", "failed", "suppressed")
    return Point(start, jobs, {"email": of("email", *final), "sms": of("sms", *final, "segments")})
