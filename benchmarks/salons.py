"""Invented rows of a booking system, the same in every run: nine salons in eight zones, over fourteen months.

Besides ordinary days there is what goes wrong: rows on the first and the last millisecond of every month and around
every change of the clocks, by each salon's own calendar; months whose figures change by exactly a half per cent;
refunds, none, whole and too large; tags that look like VIP.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random  # noqa: TID251 - the same rows for everybody
from uuid import NAMESPACE_DNS, uuid5
from zoneinfo import ZoneInfo

from benchmarks.salon_schema import Row

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "America/Havana",  # on 1 November 2026 its first hour occurs twice
    "Pacific/Auckland",
    "Australia/Lord_Howe",  # changes its clocks by half an hour
    "Asia/Kathmandu",
    "Europe/Berlin",
    None,
)
"""The zone of each salon; the last one's owner never set one."""

FIRST, LAST = datetime(2025, 11, 1, tzinfo=UTC), datetime(2027, 1, 10, tzinfo=UTC)

SIZES = {
    "payments": 9_000,
    "appointments": 10_000,
    "clients": 2_000,
    "reviews": 1_000,
    "bookings": 10_000,
    "messages": 50_000,
    "conversations": 1_000,
    "jobs": 500,
    "contacts": 2_000,
}
"""Ordinary rows of each table: of ten visits nine are paid for and one is reviewed, and a client comes five times."""

_TICK = timedelta(milliseconds=1)
_HALVES = (200, 201, 200, 199, 8, 9, 8, 7)  # each beside the one before: +0.5, -0.5, -0.5, +12.5, -11.1, -12.5 per cent
_PAID = ("completed",) * 8 + ("pending", "failed", "refunded", "Completed")
_MET = ("confirmed", "completed", "scheduled", "cancelled", "no_show", "CANCELLED")
_TAGS: tuple[list[str] | None, ...] = (
    ["VIP"],
    ["VIP", "regular"],
    ["vip"],
    ["VIPs"],
    ["not VIP"],
    ["regular"],
    [],
    None,
)
_COSTS = (None, Decimal(0), Decimal("0.0079"), Decimal("0.0083"))
_ROLES = ("Director", "Producer", "Camera", None)
_PRODUCTIONS = ("Harbour", "Night train", None)


def identity(name: str) -> str:
    """Return the id of a salon, a place or a user."""
    return str(uuid5(NAMESPACE_DNS, name))


SALONS = tuple(identity(f"salon {number}") for number in range(len(ZONES)))
LOCATIONS = {salon: tuple(identity(f"{salon} {place}") for place in "ab") for salon in SALONS}
USERS = tuple(identity(f"user {number}") for number in range(5))
STEADY = SALONS[-1]
"""The salon that has nothing in 2026 but what changes by exact halves."""


@cache
def rows() -> Mapping[str, list[Row]]:
    """Return the rows of every table."""
    dice = Random(4)
    made: dict[str, list[Row]] = {"salons": list(zip(SALONS, ZONES, strict=True))}
    for table, size in SIZES.items():
        made[table] = [_row(table, dice, *_anywhere(dice)) for _ in range(size)]
        for number, salon in enumerate(SALONS[:-1]):
            made[table] += [_row(table, dice, salon, moment) for moment in _edges(ZONES[number] or "UTC")]
    for table in ("payments", "appointments", "clients"):
        made[table] += _halves(table, dice)
    made["reviews"] = [row for row in made["reviews"] if row[0] != STEADY]
    made["reviews"] += [(STEADY, True, rating) for rating in (4, 4, 4, 5)]  # 4.25: a half of a tenth
    return made


def _anywhere(dice: Random) -> tuple[str, datetime]:
    """Return a salon and a moment; more salons are small than large."""
    salon = SALONS[min(dice.randrange(len(SALONS)), dice.randrange(len(SALONS)))]
    first = FIRST if salon is not STEADY else FIRST - (LAST - FIRST)
    return salon, _whole(first + dice.random() * ((LAST if salon is not STEADY else FIRST) - first))


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _edges(zone: str) -> Iterator[datetime]:
    """Yield the moments around each month's beginning and each change of the clocks."""
    clock = ZoneInfo(zone)
    moment = FIRST
    while moment < LAST:
        following = moment + timedelta(hours=1)
        here, there = moment.astimezone(clock), following.astimezone(clock)
        if here.month != there.month or here.utcoffset() != there.utcoffset():
            for minutes in (0, 15, 30, 45, 60):
                yield from (moment + timedelta(minutes=minutes) + tick for tick in (-_TICK, timedelta(0), _TICK))
        moment = following


def _halves(table: str, dice: Random) -> Iterator[Row]:
    for month, wanted in enumerate(_HALVES, start=1):
        for _ in range(wanted):
            moment = _whole(datetime(2026, month, 1, tzinfo=UTC) + dice.random() * timedelta(days=28))
            yield {
                "payments": (STEADY, None, "completed", Decimal("1.50"), Decimal("0.50"), moment),
                "appointments": (STEADY, None, "confirmed", moment),
                "clients": (STEADY, True, ["VIP"], moment),
            }[table]


def _row(table: str, dice: Random, salon: str, moment: datetime) -> Row:
    return _ROWS[table](dice, salon, moment)


def _payment(dice: Random, salon: str, moment: datetime) -> Row:
    total = Decimal(dice.randrange(500, 20_000)) / 100
    refund = dice.choice((None, Decimal(0), Decimal(0), total, total / 2, total + 3))
    return (salon, _place(dice, salon), dice.choice(_PAID), total, refund, moment)


def _place(dice: Random, salon: str) -> str | None:
    return dice.choice((None, *LOCATIONS[salon]))


_ROWS: Mapping[str, Callable[[Random, str, datetime], Row]] = {
    "payments": _payment,
    "appointments": lambda dice, salon, moment: (salon, _place(dice, salon), dice.choice(_MET), moment),
    "clients": lambda dice, salon, moment: (salon, dice.random() < 0.8, dice.choice(_TAGS), moment),
    "reviews": lambda dice, salon, _: (salon, dice.random() < 0.8, dice.choice((1, 3, 4, 5, 5, 5))),
    "bookings": lambda _, salon, moment: (salon, moment),
    "messages": lambda dice, salon, moment: (salon, moment, dice.choice(_COSTS)),
    "conversations": lambda _, salon, moment: (salon, moment),
    "jobs": lambda dice, _, moment: (dice.choice(USERS), dice.choice(("open", "filled", "closed")), moment),
    "contacts": lambda dice, *_: (
        dice.choice(USERS),
        dice.randrange(500),
        dice.choice(_ROLES),
        dice.choice(_PRODUCTIONS),
    ),
}
