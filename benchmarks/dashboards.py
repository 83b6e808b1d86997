"""The dashboard `salon` beside the ten queries that it replaces, at two sizes, over a wire that takes a millisecond."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.figures import percentile
from benchmarks.latency import slow_wire
from benchmarks.salon_schema import PRISMA
from benchmarks.salons import SALONS, SIZES, ZONES
from benchmarks.say import say
from benchmarks.ten_queries import ten_queries
from notifyd.dashboards import load
from notifyd.demo.postgres import Cluster
from notifyd.store.connect import connect
from notifyd.store.dashboards import run
from notifyd.store.proven import prove
from notifyd.store.snapshots import open_snapshots
from notifyd.store.table import Table

WIRE = 0.001
"""Seconds added to each round trip."""

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)

_MONTHS = 14

_ROWS = {
    "payments": "(salon_id, location_id, status, total_amount, refund_amount, created_at) select salon,"
    " salon || n % 3, (array['completed', 'completed', 'completed', 'completed', 'pending'])[1 + n % 5],"
    " 5 + n % 200, case when n % 9 = 0 then 5 end, moment",
    "appointments": "(salon_id, location_id, status, start_time) select salon, salon || n % 3,"
    " (array['confirmed', 'completed', 'completed', 'cancelled', 'no_show'])[1 + n % 5], moment",
    "clients": "(salon_id, is_active, tags, created_at) select salon, n % 5 > 0,"
    " case n % 20 when 1 then array['VIP'] when 2 then array['regular'] else '{}' end, moment",
    "reviews": "(salon_id, is_approved, rating) select salon, n % 5 > 0, 1 + n % 5",
}
"""The tables that the dashboard reads; a row comes from its number, a salon and a moment."""

_SOURCE = """
from (select n, ($1::text[])[1 + n % cardinality($1::text[])] as salon,
    $2::timestamp - random() * interval '{months} months' + interval '1 month' as moment
    from generate_series(1, $3::int) n) made
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds of one size: of the ten queries, and of the dashboard."""

    times: int
    ten: list[float]
    one: list[float]


async def dashboards(cluster: Cluster, factors: tuple[int, ...], rounds: int) -> str:
    """Measure, and return the figures as text.

    Args:
        cluster: Where.
        factors: How many times the rows of `salons.SIZES` there are.
        rounds: How often each of the two is run, in turn.
    """
    measured = []
    for factor in factors:
        dsn = cluster.dsn(f"salons_{factor}")
        cluster.run(f"create database salons_{factor}")
        await _fill(dsn, factor)
        say(f"salon: {rounds} times each, at {factor} times the size")
        measured.append(Measured(factor, *await _measure(dsn, rounds)))
    return _told(measured)


async def _fill(dsn: str, factor: int) -> None:
    booking = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
    await booking.execute(PRISMA.tables())
    await PRISMA.fill(booking, "salons", list(zip(SALONS, ZONES, strict=True)))
    for table, columns in _ROWS.items():
        say(f"{table}: {SIZES[table] * factor:,} rows")
        made = f"insert into {table} {columns} {_SOURCE.format(months=_MONTHS)}"
        await booking.execute("select setseed(0.4)")
        await booking.fetch(made, list(SALONS), NOW.replace(tzinfo=None), SIZES[table] * factor)
    async with open_snapshots(dsn, Table("", {}), pooled=False, replica=False) as store:
        proven = await prove(store, load(None).dashboards["salon"])
    for statement in proven.statements:
        if statement.index is not None:
            await booking.execute(statement.index)
    for table in _ROWS:
        await booking.execute(f"vacuum analyze {table}")
    await booking.execute("checkpoint")
    await booking.close()


async def _measure(dsn: str, rounds: int) -> tuple[list[float], list[float]]:
    with slow_wire(urlsplit(dsn).port or 5432, WIRE) as port:
        through = _through(dsn, port)
        old = await connect(through, server_settings={"timezone": "UTC", "jit": "off"})
        async with open_snapshots(through, Table("", {}), pooled=False, replica=False) as store:
            salon = load(None).dashboards["salon"]

            async def one(identity: str) -> None:
                await run(store, salon, {"salon_id": identity}, NOW)

            async def ten(identity: str) -> None:
                await ten_queries(old, identity, NOW)

            for number in range(20):  # connections, prepared statements, pages
                await ten(SALONS[number % len(SALONS)])
                await one(SALONS[number % len(SALONS)])
            times: tuple[list[float], list[float]] = ([], [])
            for number in range(rounds):
                for taken, what in zip(times, (ten, one), strict=True):
                    taken.append(await _timed(what, SALONS[number % len(SALONS)]))
        await old.close()
    return times


async def _timed(what: Callable[[str], Awaitable[None]], salon: str) -> float:
    began = time.perf_counter()
    await what(salon)
    return (time.perf_counter() - began) * 1_000


def _through(dsn: str, port: int) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{port}"))


def _told(measured: list[Measured]) -> str:
    lines = [f"{'milliseconds':30} {'ten queries':>22} {'salon':>22} {'ratio':>8}"]
    for each in measured:
        ratio = median(ten / one for ten, one in zip(each.ten, each.one, strict=True))
        lines.append(
            f"{f'{each.times} x the rows, p50 (p95)':30} {_pair(each.ten):>22} {_pair(each.one):>22} {ratio:8.1f}"
        )
    growth = median(measured[-1].one) / median(measured[0].one)
    lines.append(
        f"salon at {measured[-1].times} x the rows takes {growth:.1f} times as long as at {measured[0].times} x"
    )
    return "\n".join(lines) + "\n"


def _pair(values: list[float]) -> str:
    return f"{median(values):.1f} ({percentile(values, 95):.1f})"
