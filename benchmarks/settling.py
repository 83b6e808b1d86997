"""What counting costs the settle path: the same statements with and without what they count, in turn, on one database.

Without means: the very statement with the CTEs taken out that write the tally. Intents, and outcomes with verdicts, of
rounds of jobs are timed from Python, commit included; each round is claimed first, which is not timed.
The tables are left to grow: emptied, they would make PostgreSQL plan each statement anew.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

import asyncpg

from benchmarks import rows
from benchmarks.plan import Workload
from notifyd.demo import booking_system
from notifyd.demo.postgres import Cluster
from notifyd.model.job import Channel, Job
from notifyd.model.outcome import Sent
from notifyd.model.verdict import Done
from notifyd.store import deliveries, record
from notifyd.store.jobs import claim
from notifyd.store.migrate import migrate
from notifyd.store.pool import Store, open_store
from notifyd.store.rollups import fold

LEASE = timedelta(minutes=5)

COUNTING = ((deliveries, "INTEND", deliveries.INTEND), (record, "RECORD", record.RECORD))
"""The statements of the path, and where they stand."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of one round: intents, and outcomes with verdicts."""

    intents: float
    records: float


async def settling(cluster: Cluster, sizes: tuple[int, ...], rounds: int) -> str:
    """Measure, and return the figures as text.

    Args:
        cluster: Durable, or the figures mean nothing.
        sizes: Jobs in a round.
        rounds: How often each, with and without.
    """
    dsn = cluster.dsn("settling")
    cluster.run("create database settling")
    await booking_system.set_up(dsn)
    await migrate(dsn, booking_system.TABLE)
    booking = await asyncpg.connect(dsn)
    lines = [f"{'settling, ms for a round, p50':30} {'without':>9} {'counting':>9} {'ratio':>7}"]
    async with open_store(dsn, booking_system.TABLE, connections=1) as store:
        for size in sizes:
            spent: dict[bool, list[Spent]] = {True: [], False: []}
            folding = 0.0
            for number in range(rounds):
                for counts in (True, False) if number % 2 else (False, True):
                    spent[counts].append(await _round(store, booking, size, counts=counts))
                if number % 20 == 19:
                    folding += await _timed_fold(store)
            lines += _told(size, spent, folding / rounds)
    await booking.close()
    return "\n".join(lines) + "\n"


async def _round(store: Store, booking: asyncpg.Connection, size: int, *, counts: bool) -> Spent:
    await rows.insert(booking, Workload.EMAIL, size)
    jobs = await claim(store, "bench", size, LEASE)
    with _statements(counts):
        began = time.perf_counter()
        await deliveries.intend(store, [deliveries.Intent(job, Channel.EMAIL, "us", "them", None) for job in jobs])
        intended = time.perf_counter()
        await record.record(store, [each for job in jobs for each in _records(job)])
        ended = time.perf_counter()
    return Spent(intended - began, ended - intended)


def _records(job: Job) -> tuple[record.Record, record.Record]:
    return record.SendRecord(job, Channel.EMAIL, Sent("250 ok"), "us", "them"), record.VerdictRecord(job, Done())


@contextmanager
def _statements(counts: bool) -> Iterator[None]:
    """Let the store use its statements as they are, or without what they count."""
    for module, name, sql in COUNTING:
        setattr(module, name, sql if counts else without(sql))
    try:
        yield
    finally:
        for module, name, sql in COUNTING:
            setattr(module, name, sql)


def without(sql: str) -> str:
    """Take the CTEs out that count."""
    before, _, rest = sql.partition("), changes as (")
    return f"{before}){rest.rpartition('{tally}')[2]}"


async def _timed_fold(store: Store) -> float:
    began = time.perf_counter()
    while await fold(store):
        pass
    return time.perf_counter() - began


def _told(size: int, spent: dict[bool, list[Spent]], folding: float) -> Iterator[str]:
    parts: dict[str, Callable[[Spent], float]] = {
        "intents": lambda one: one.intents,
        "outcomes, verdicts": lambda one: one.records,
        "both": lambda one: one.intents + one.records,
    }
    for name, part in parts.items():
        times = {counts: [part(one) * 1_000 for one in each] for counts, each in spent.items()}
        ratio = median(counting / plain for counting, plain in zip(times[True], times[False], strict=True))
        yield f"{f'{size} jobs: {name}':30} {median(times[False]):9.2f} {median(times[True]):9.2f} {ratio:7.2f}"
    yield f"{f'{size} jobs: folding, later':30} {'':9} {folding * 1_000:9.3f}"
