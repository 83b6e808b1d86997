"""Decides whether claiming works. Pure: the same vitals give the same answer."""

from dataclasses import dataclass
from typing import Any

from notifyd.model.job import Channel
from notifyd.vitals import Vitals

SLACK = 5.0
"""Seconds that a claim may be late, on top of three polls."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether claiming works.

    Attributes:
        reasons: Why it does not; empty when it does.
        paused: Why a channel is paused, by channel. One of several does not make a daemon unready.
    """

    reasons: tuple[str, ...]
    paused: dict[str, str]

    @property
    def ready(self) -> bool:
        """Whether claiming works."""
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        """Return what `/readyz` shows."""
        return {"ready": self.ready, "reasons": list(self.reasons), "paused": self.paused}


def judge(vitals: Vitals, database_trouble: str | None, now: float, poll_interval: float) -> Readiness:
    """Judge the daemon.

    Args:
        vitals: Its vitals.
        database_trouble: What is wrong with the database; None if it has just answered.
        now: The monotonic clock.
        poll_interval: Seconds between two polls of the claim loop.
    """
    reasons = []
    if vitals.draining:
        reasons.append("stopping: finishing what is in flight, claiming nothing")
    if database_trouble is not None:
        reasons.append(f"the database does not answer: {database_trouble}")
    if vitals.last_claim_at is None:
        reasons.append("no claim has succeeded yet")
    elif (age := vitals.claim_age(now)) > 3 * poll_interval + SLACK:
        busy = f"{vitals.in_flight} of {vitals.slots} slots are taken"
        reasons.append(f"no claim has succeeded for {age:.0f} s; {busy}")
    if set(vitals.channels or Channel) <= set(vitals.pauses):
        reasons.append("every channel is paused")
    return Readiness(tuple(reasons), dict(vitals.pauses))
