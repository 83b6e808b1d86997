"""Times in words, by the salon's clock, on ordinary days and on those when the clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from notifyd.content.when import When, as_written, tell


def told(zone: str, start: str, end: str | None = None) -> When:
    """Tell times given with their offsets in a zone."""
    clock = ZoneInfo(zone)
    return tell(
        datetime.fromisoformat(start).astimezone(clock), datetime.fromisoformat(end).astimezone(clock) if end else None
    )


def test_an_ordinary_appointment() -> None:
    """Every form of one time."""
    assert When(
        text="Tuesday, 24 November 2026 at 14:30",
        date="Tuesday, 24 November 2026",
        time="14:30",
        until="15:15",
        zone="CET",
        short="Tue 24 Nov at 14:30",
    ) == told("Europe/Berlin", "2026-11-24T13:30:00+00:00", "2026-11-24T14:15:00+00:00")


@pytest.mark.parametrize(
    ("zone", "start", "time", "name"),
    [
        ("Europe/Berlin", "2026-03-29T00:59:00+00:00", "01:59", "CET"),
        ("Europe/Berlin", "2026-03-29T01:00:00+00:00", "03:00", "CEST"),
        ("Europe/Berlin", "2026-10-25T00:30:00+00:00", "02:30 CEST", "CEST"),
        ("Europe/Berlin", "2026-10-25T01:30:00+00:00", "02:30 CET", "CET"),
        ("Europe/Berlin", "2026-10-25T02:30:00+00:00", "03:30", "CET"),
        ("America/New_York", "2026-03-08T07:00:00+00:00", "03:00", "EDT"),
        ("America/New_York", "2026-11-01T05:30:00+00:00", "01:30 EDT", "EDT"),
        ("America/New_York", "2026-11-01T06:30:00+00:00", "01:30 EST", "EST"),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00+00:00", "02:30", "UTC+11"),
        ("Australia/Lord_Howe", "2026-04-04T14:45:00+00:00", "01:45 UTC+11", "UTC+11"),
        ("Australia/Lord_Howe", "2026-04-04T15:15:00+00:00", "01:45 UTC+10:30", "UTC+10:30"),
        ("Asia/Kolkata", "2027-01-04T05:00:00+00:00", "10:30", "IST"),
        ("America/Sao_Paulo", "2027-01-04T05:00:00+00:00", "02:00", "UTC-03"),
        ("UTC", "2027-01-04T05:00:00+00:00", "05:00", "UTC"),
    ],
)
def test_the_days_when_the_clocks_change(zone: str, start: str, time: str, name: str) -> None:
    """A time that the clocks show twice says which of the two it is; a zone without a name shows its offset."""
    when = told(zone, start)
    assert (time, name) == (when.time, when.zone)


@pytest.mark.parametrize(
    ("end", "until"),
    [
        (None, ""),
        ("2026-11-24T23:00:00+01:00", ""),
        ("2026-11-25T00:30:00+01:00", "Wednesday, 25 November 2026 at 00:30"),
    ],
)
def test_an_end_on_another_day_says_so(end: str | None, until: str) -> None:
    """Past midnight the end has its date; none is told where it is not known, or nothing."""
    assert until == told("Europe/Berlin", "2026-11-24T23:00:00+01:00", end).until


def test_the_booking_systems_own_words() -> None:
    """The fallback stands wherever a time would."""
    when = as_written("24.11., halb drei")
    assert ("24.11., halb drei",) * 3 == (str(when), when.short, when.date)
    assert ("", "", "") == (when.time, when.until, when.zone)
