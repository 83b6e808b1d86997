"""Every number of the shipped dashboards, beside one counted row by row; and that a broken rule is seen."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from benchmarks.salons import LOCATIONS, SALONS, STEADY, USERS, ZONES

from dashboards import oracle
from notifyd.dashboards import load
from notifyd.dashboards.load import shipped
from notifyd.model import comparison
from notifyd.model.dashboard import Dashboard
from notifyd.store import composed
from notifyd.store.dashboards import run
from notifyd.store.period import period
from notifyd.store.pool import Store

INSTANTS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "2025-12-31T23:59:59.999",
        "2026-01-01T00:00:00",
        "2026-01-31T18:15:00",  # the first of February in Kathmandu
        "2026-02-28T23:30:00",
        "2026-03-08T07:00:00",  # New York's clocks go forward
        "2026-03-29T01:00:00",  # Berlin's
        "2026-03-31T12:00:00",  # there is no 31 February
        "2026-04-04T15:30:00",  # Lord Howe's and Auckland's go back
        "2026-04-30T18:30:00",  # the first of May in Kolkata
        "2026-05-01T00:00:00.001",
        "2026-05-15T08:00:00",
        "2026-06-30T22:00:00",  # the first of July in Berlin
        "2026-07-20T04:05:06.789",
        "2026-08-28T12:00:00",
        "2026-10-03T15:30:00",
        "2026-10-25T00:30:00",  # in Berlin half past two, for the first time
        "2026-11-01T04:00:00",  # the first of November in Havana
        "2026-11-01T05:00:00",  # and once more
        "2026-11-30T12:00:00",
        "2026-12-31T10:59:59.999",
    )
)

Case = tuple[str, str | None, datetime]


def cases() -> Iterator[Case]:
    """Yield every instant, salon and location, and no location."""
    for now in INSTANTS:
        for salon in SALONS:
            yield from ((salon, location, now) for location in (None, *LOCATIONS[salon]))


async def difference(store: Store, dashboard: Dashboard, each: Case) -> dict[str, Any]:
    """Return what a dashboard shows beside what it must show, where the two differ."""
    salon, location, now = each
    expected = oracle.salon(salon, location, now)
    shown = (await run(store, dashboard, {"salon_id": salon, "location_id": location or ""}, now)).data
    assert expected.keys() == shown.keys()
    return {key: (expected[key], shown[key]) for key in expected if expected[key] != shown[key]}


async def test_every_number_of_salon(salons: Store) -> None:
    """At twenty instants, for all salons and locations, each number is the oracle's."""
    dashboard = load(None).dashboards["salon"]
    assert 20 == len(INSTANTS)
    for each in cases():
        assert {} == await difference(salons, dashboard, each), each


def test_the_cases_are_what_they_should_be() -> None:
    """The oracle itself meets exact halves of both signs, months that rise and fall, and eight zones."""
    steady = [oracle.salon(STEADY, None, datetime(2026, month, 28, 23, tzinfo=UTC)) for month in range(2, 9)]
    assert [1, 0, 0, -96, 13, -11, -12] == [each["revenue"]["change"] for each in steady]
    assert {4.3} == {each["rating"]["average"] for each in steady}
    assert 8 == len({zone or "UTC" for zone in ZONES})


async def test_every_number_of_conversations(salons: Store) -> None:
    """Days are the salon's: both ends included, one day alone, and a day on which the clocks change."""
    dashboard = load(None).dashboards["conversations"]
    for first, last in (
        (date(2026, 1, 1), date(2026, 12, 31)),
        (date(2026, 3, 29), date(2026, 3, 29)),
        (date(2026, 10, 25), date(2026, 11, 1)),
        (date(2026, 11, 1), date(2026, 11, 1)),
    ):
        for salon in SALONS:
            given = {"salon_id": salon, "from": first.isoformat(), "to": last.isoformat()}
            assert oracle.conversations(salon, first, last) == (await run(salons, dashboard, given, None)).data, given


async def test_conversations_of_this_month(salons: Store) -> None:
    """Without days it is the salon's month."""
    dashboard = load(None).dashboards["conversations"]
    now = datetime(2026, 4, 30, 18, 30, tzinfo=UTC)  # in Kolkata the month has begun
    shown = await run(salons, dashboard, {"salon_id": SALONS[2]}, now)
    assert oracle.conversations(SALONS[2], date(2026, 5, 1), date(2026, 5, 31)) == shown.data


async def test_every_number_of_contacts(salons: Store) -> None:
    """Jobs by status, contacts in all, by role and by production, for each user and for one who has none."""
    dashboard = load(None).dashboards["contacts"]
    for user in (*USERS, SALONS[0]):
        assert oracle.contacts(user) == (await run(salons, dashboard, {"user_id": user}, None)).data


TEXTS = {
    "the zone": ("zone.sql", "select timezone", "select 'UTC' as timezone"),
    "the refunds": ("revenue.sql", "- coalesce(refund_amount, 0)", ""),
    "the status of payments": ("revenue.sql", "status = 'completed'", "true"),
    "its capitals": ("revenue.sql", "status = 'completed'", "lower(status) = 'completed'"),
    "no_show": ("appointments.sql", "('cancelled', 'no_show')", "('cancelled')"),
    "cancelled": ("appointments.sql", "('cancelled', 'no_show')", "('no_show')"),
    "the exact tag": ("vip_clients.sql", "tags @> '{VIP}'", "tags && '{VIP,vip,VIPs}'"),
    "active VIPs": ("vip_clients.sql", "is_active and", ""),
    "active clients": ("total_clients.sql", "and is_active", ""),
    "the place of payments": ("revenue.sql", ":location_id is null or", "true or"),
    "the place of appointments": ("appointments.sql", ":location_id is null or", "true or"),
    "the end of the month": ("appointments.sql", "start_time < :until", "start_time <= :until"),
    "no end of the month": ("appointments.sql", "and start_time < :until", ""),
    "the beginning of the month": ("new_clients.sql", "created_at >= :since", "created_at > :since"),
    "approval": ("rating.sql", "and is_approved", ""),
    "halves of a tenth": ("rating.sql", "::numeric, 6), 1)", "::numeric, 6) - 0.001, 1)"),
    "cents": ("dashboard.toml", "decimals = 2", "decimals = 1"),
}


@pytest.mark.parametrize("rule", TEXTS)
async def test_a_broken_rule_is_seen(prisma: Store, tmp_path: Path, rule: str) -> None:
    """With one rule of a statement broken, some number differs from the oracle's."""
    file, sound, broken = TEXTS[rule]
    folder = shutil.copytree(shipped() / "salon", tmp_path / "salon")
    text = (folder / file).read_text()
    assert sound in text
    (folder / file).write_text(text.replace(sound, broken))
    assert await _differs(prisma, load(tmp_path).dashboards["salon"])


ROUNDINGS: dict[str, Callable[[float], int]] = {
    "to even": round,
    "downwards": lambda percent: int(percent // 1),
    "away from nothing": lambda percent: int(percent + (0.5 if percent > 0 else -0.5)),
}


@pytest.mark.parametrize("how", ROUNDINGS)
async def test_a_broken_rounding_is_seen(prisma: Store, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """With another rounding of the change, some number differs from the oracle's."""

    def broken(current: Decimal, previous: Decimal) -> int:
        if not previous:
            return 100 if current else 0
        return ROUNDINGS[how](float((current - previous) / Decimal(previous) * 100))

    monkeypatch.setattr(comparison, "change", broken)
    assert await _differs(prisma, load(None).dashboards["salon"])


CALENDAR = {
    "the end of the month so far": (
        "(2, p.current_start, p.now), (3, p.now,",
        "(2, p.current_start, p.next_start), (3, p.next_start,",
    ),
    "as much of the month before": ("least(l.clock - l.month + (l.month - interval '1 month'), l.month)", "l.month"),
    "no more than the month before": (
        "least(l.clock - l.month + (l.month - interval '1 month'), l.month)",
        "l.clock - l.month + (l.month - interval '1 month')",
    ),
    "the server's list of zones": ("then z.timezone::text else 'UTC'", "then 'Etc/GMT+3' else 'Etc/GMT-3'"),
}


@pytest.mark.parametrize("rule", CALENDAR)
async def test_a_broken_calendar_is_seen(prisma: Store, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """With one rule of the calendar broken, some number differs from the oracle's."""
    sound, broken = CALENDAR[rule]

    def changed(*given: Any) -> str:
        assert sound in period(*given)
        return period(*given).replace(sound, broken)

    monkeypatch.setattr(composed, "period", changed)
    assert await _differs(prisma, load(None).dashboards["salon"])


async def test_the_second_time_of_an_hour_is_seen(prisma: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a month began the second time that its first hour comes, some number would differ: Havana's November."""
    monkeypatch.setattr("notifyd.store.period._first", lambda local: f"(({local}) at time zone l.timezone)")
    assert await _differs(prisma, load(None).dashboards["salon"])


async def _differs(store: Store, dashboard: Dashboard) -> bool:
    for each in sorted(cases(), key=lambda case: case[0] != STEADY):
        if await difference(store, dashboard, each):
            return True
    return False
