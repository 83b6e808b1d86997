"""When a job may be sent, by the database's clock at claim."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from notifyd.content.preview import sample_job
from notifyd.model.payload import parse
from notifyd.model.timing import Send, Timing, TooLate, Wait, judge

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def timing(
    send_at: datetime | None = None,
    expires_at: datetime | None = None,
    run_at: datetime | None = None,
    column_expires_at: datetime | None = None,
) -> Timing:
    """Judge a job at NOW with the times of its payload and of its columns."""
    times = {"sendAt": send_at and send_at.isoformat(), "expiresAt": expires_at and expires_at.isoformat()}
    job = sample_job("reminder_24h", json.dumps({"clientEmail": "a@example.com", **times}))
    return judge(replace(job, now=NOW, run_at=run_at, expires_at=column_expires_at), parse(job))


EARLIER, LATER = NOW - MINUTE, NOW + MINUTE
MUCH_LATER = NOW + 2 * MINUTE
CASES: list[tuple[Timing, Timing]] = [
    (timing(), Send()),
    (timing(send_at=EARLIER), Send()),
    (timing(send_at=NOW), Send()),
    (timing(send_at=LATER), Wait(MINUTE, "payload.sendAt has not come")),
    (timing(run_at=LATER), Wait(MINUTE, "run_at has not come")),
    (timing(send_at=MUCH_LATER, run_at=LATER), Wait(2 * MINUTE, "payload.sendAt has not come")),
    (timing(send_at=EARLIER, run_at=LATER), Wait(MINUTE, "run_at has not come")),
    (timing(expires_at=LATER), Send()),
    (timing(expires_at=NOW), TooLate("payload.expiresAt has passed")),
    (timing(column_expires_at=EARLIER), TooLate("expires_at has passed")),
    (timing(expires_at=LATER, column_expires_at=EARLIER), TooLate("expires_at has passed")),
    (timing(send_at=LATER, expires_at=EARLIER), TooLate("payload.expiresAt has passed")),
    (timing(send_at=LATER, expires_at=MUCH_LATER), Wait(MINUTE, "payload.sendAt has not come")),
    (timing(send_at=LATER, expires_at=LATER), TooLate("payload.sendAt is not before payload.expiresAt")),
    (timing(run_at=MUCH_LATER, expires_at=LATER), TooLate("run_at is not before payload.expiresAt")),
]


@pytest.mark.parametrize(("actual", "expected"), CASES)
def test_the_later_run_time_and_the_earlier_expiry_count(actual: Timing, expected: Timing) -> None:
    """Expiry comes first, then the run time; what would expire while it waits is not waited for."""
    assert expected == actual


def test_extreme_moments_do_not_overflow() -> None:
    """Rows hold `infinity` and the year 1; the difference to now is reckoned all the same."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert Send() == timing(run_at=first, column_expires_at=last)
    assert TooLate("expires_at has passed") == timing(run_at=last, column_expires_at=first)
    assert Wait(last - NOW, "run_at has not come") == timing(run_at=last)
