"""May this job be sent now, later, or no more? Decided from the row and the database's clock at claim, nothing else.

The later of the run times and the earlier of the expiries count, from the payload and from the table's own columns.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from notifyd.model.job import Job
from notifyd.model.payload import Booking


@dataclass(frozen=True, slots=True)
class Send:
    """Now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet.

    Attributes:
        delay: How long, by the database's clock; always positive.
        reason: What it waits for.
    """

    delay: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class TooLate:
    """No longer worth sending, or it would not be by the time it may be sent."""

    reason: str


Timing = Send | Wait | TooLate

_Limit = tuple[datetime, str]  # a moment, and the field that set it


def judge(job: Job, booking: Booking) -> Timing:
    """Decide whether a job may be sent at `job.now`.

    Args:
        job: The claimed job, with the times of the table's own columns, where it has them.
        booking: The facts of its payload, with `sendAt` and `expiresAt`.

    Returns:
        `TooLate` from the moment of the expiry on, and at once where the run time is not before it; `Wait` until the
        run time; else `Send`.
    """
    run = max(_given((booking.send_at, "payload.sendAt"), (job.run_at, "run_at")), default=None)
    expiry = min(_given((booking.expires_at, "payload.expiresAt"), (job.expires_at, "expires_at")), default=None)
    if expiry is not None and expiry[0] <= job.now:
        return TooLate(f"{expiry[1]} has passed")
    if run is None or run[0] <= job.now:
        return Send()
    if expiry is not None and expiry[0] <= run[0]:
        return TooLate(f"{run[1]} is not before {expiry[1]}")
    return Wait(run[0] - job.now, f"{run[1]} has not come")


def _given(*limits: tuple[datetime | None, str]) -> list[_Limit]:
    return [(moment, field) for moment, field in limits if moment is not None]
