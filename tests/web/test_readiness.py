"""When the daemon says that claiming works."""

import pytest

from notifyd.vitals import Vitals
from notifyd.web.readiness import judge

POLL = 5.0


def well(**changes: object) -> Vitals:
    """Return the vitals of a daemon that started at 0 and claimed at 100."""
    vitals = Vitals(started_at=0.0, slots=10, last_claim_at=100.0, database_ok=True)
    for name, value in changes.items():
        setattr(vitals, name, value)
    return vitals


def test_a_daemon_that_claims_is_ready() -> None:
    """Nothing wrong, nothing said."""
    verdict = judge(well(), None, 101.0, POLL)
    assert {"ready": True, "reasons": [], "paused": {}} == verdict.as_json()


@pytest.mark.parametrize(
    ("vitals", "trouble", "now", "reason"),
    [
        (well(draining=True), None, 101.0, "stopping: finishing what is in flight, claiming nothing"),
        (well(), "no connection", 101.0, "the database does not answer: no connection"),
        (well(last_claim_at=None), None, 1.0, "no claim has succeeded yet"),
        (well(in_flight=10), None, 121.0, "no claim has succeeded for 21 s; 10 of 10 slots are taken"),
        (well(pauses={"email": "x", "sms": "y"}), None, 101.0, "every channel is paused"),
        (well(pauses={"email": "x"}, channels=("email",)), None, 101.0, "every channel is paused"),
    ],
)
def test_a_daemon_that_cannot_claim_says_why(vitals: Vitals, trouble: str | None, now: float, reason: str) -> None:
    """Each thing that keeps jobs from leaving is a reason of its own."""
    assert (reason,) == judge(vitals, trouble, now, POLL).reasons


def test_a_claim_may_be_three_polls_late() -> None:
    """Polls that are a little late are no reason for an alarm."""
    assert judge(well(), None, 100.0 + 3 * POLL + 5.0, POLL).ready


def test_one_paused_channel_is_told_but_leaves_the_daemon_ready() -> None:
    """The other channel's messages still leave."""
    verdict = judge(well(pauses={"sms": "429 from the provider"}), None, 101.0, POLL)
    assert {"ready": True, "reasons": [], "paused": {"sms": "429 from the provider"}} == verdict.as_json()


def test_claim_age_counts_from_the_start_and_never_back() -> None:
    """Before the first claim the start counts; a clock read a moment too early gives no negative age."""
    assert (7.0, 0.0) == (well(last_claim_at=None).claim_age(7.0), well().claim_age(99.0))
