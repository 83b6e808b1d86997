"""What a dashboard must show, counted row by row in plain Python: no SQL, no bounds of months, no code of the engine.

A row belongs to a month if its own local date lies in it. Amounts are exact fractions.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.salon_schema import Row
from benchmarks.salons import SALONS, ZONES, rows

Figure = Fraction | int


class Calendar:
    """A salon's calendar at one moment."""

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self._zone, self._now = zone, now
        local = now.astimezone(zone)
        self._month = (local.year, local.month)
        last_day = local.date().replace(day=1) - timedelta(days=1)
        self._before = (last_day.year, last_day.month)
        naive = local.replace(tzinfo=None)
        first = naive.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        until = min(datetime.combine(last_day.replace(day=1), first.time()) + (naive - first), first)
        self._until = until.replace(tzinfo=zone).astimezone(UTC)  # fold 0: the first of two

    def spans(self, moment: datetime) -> tuple[bool, bool, bool, bool]:
        """Tell whether a moment lies in the month, the month before, the month so far, and as much of that before."""
        local = moment.astimezone(self._zone)
        month = (local.year, local.month)
        current, previous = month == self._month, month == self._before
        return current, previous, current and moment < self._now, previous and moment < self._until


def percent(current: Figure, previous: Figure) -> int:
    """Return JavaScript's Math.round of the change: the whole number nearest, of two the greater."""
    if previous == 0:
        return 100 if current else 0
    exact = Fraction(current - previous, 1) * 100 / Fraction(previous)
    below = exact.numerator // exact.denominator
    return below if exact - below < Fraction(1, 2) else below + 1


def compared(
    found: Iterable[Row], when: int, calendar: Calendar, worth: Callable[[Row], Figure] = lambda _: 1
) -> dict[str, float | int]:
    """Add rows up in the four spans."""
    sums: list[Figure] = [0, 0, 0, 0]
    for row in found:
        for place, within in enumerate(calendar.spans(row[when])):
            if within:
                sums[place] += worth(row)
    current, previous, so_far, as_much = (_cents(figure) for figure in sums)
    return {
        "current": float(current),
        "previous": float(previous),
        "change": percent(current, previous),
        "currentToDate": float(so_far),
        "previousToDate": float(as_much),
        "changeToDate": percent(so_far, as_much),
    }


def salon(identity: str, location: str | None, now: datetime) -> dict[str, Any]:
    """Return the data of `salon`."""
    zone, mine = _zone(identity), of_salon(identity)
    calendar = Calendar(zone, now)
    clients = mine["clients"]
    active = [row for row in clients if row[1]]
    ratings = [row[2] for row in mine["reviews"] if row[1]]
    payments = [row for row in mine["payments"] if row[2] == "completed" and location in (None, row[1])]
    appointments = [
        row for row in mine["appointments"] if row[2] not in {"cancelled", "no_show"} and location in (None, row[1])
    ]
    return {
        "revenue": compared(payments, 5, calendar, lambda row: Fraction(row[3]) - Fraction(row[4] or 0)),
        "appointments": compared(appointments, 3, calendar),
        "newClients": compared(clients, 3, calendar),
        "totalClients": len(active),
        "vipClients": sum("VIP" in (row[2] or []) for row in active),
        "rating": {"average": _tenths(ratings), "count": len(ratings)},
        "timezone": str(zone),
    }


def conversations(identity: str, first: date, last: date) -> dict[str, Any]:
    """Return the data of `conversations` for days of the salon's calendar."""
    zone, mine = _zone(identity), of_salon(identity)

    def within(row: Row) -> bool:
        moment: datetime = row[1]
        return first <= moment.astimezone(zone).date() <= last

    costs = [row[2] or Decimal(0) for row in mine["messages"] if within(row)]
    return {
        "bookings": sum(map(within, mine["bookings"])),
        "messages": sum(map(within, mine["messages"])),
        "conversations": sum(map(within, mine["conversations"])),
        "totalCost": float(sum(costs, Decimal(0))),
    }


def contacts(user: str) -> dict[str, Any]:
    """Return the data of `contacts`."""
    mine = [row for row in rows()["contacts"] if row[0] == user]
    return {
        "jobs": dict(Counter(row[1] for row in rows()["jobs"] if row[0] == user)),
        "contacts": {
            "total": len(mine),
            "byRole": dict(Counter(row[2] or "none" for row in mine)),
            "byProduction": dict(Counter(row[3] or "none" for row in mine)),
        },
    }


_BY_SALON: dict[str, Mapping[str, list[Row]]] = {}


def of_salon(identity: str) -> Mapping[str, list[Row]]:
    """Return a salon's rows by table."""
    if identity not in _BY_SALON:
        tables = rows().items()
        _BY_SALON[identity] = {table: [row for row in every if row[0] == identity] for table, every in tables}
    return _BY_SALON[identity]


def _zone(identity: str) -> ZoneInfo:
    return ZoneInfo(ZONES[SALONS.index(identity)] or "UTC")


def _cents(figure: Figure) -> Figure:
    """Round to hundredths, halves away from nothing, as PostgreSQL rounds `numeric`."""
    hundred = abs(Fraction(figure)) * 100
    whole = (hundred + Fraction(1, 2)).__floor__()
    return Fraction(whole if figure >= 0 else -whole, 100)


def _tenths(ratings: list[int]) -> float | None:
    return (Fraction(sum(ratings) * 10, len(ratings)) + Fraction(1, 2)).__floor__() / 10 if ratings else None
