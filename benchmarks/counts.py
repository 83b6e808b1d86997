"""The counts of `/stats` beside a plain `group by`, over tables of several sizes, in all of which little waits."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg

from benchmarks.figures import percentile
from benchmarks.say import say
from notifyd.demo import booking_system
from notifyd.demo.postgres import Cluster
from notifyd.store.migrate import migrate
from notifyd.store.pool import Store, open_store
from notifyd.store.stats import read
from notifyd.store.verify import verify

GROUP_BY = "select status, count(*) from notification_jobs group by status"
PATIENCE = 20.0
"""Seconds that one thing may be measured for, at one size."""

_FILL = """
insert into notification_jobs
    (id, salon_id, client_id, type, payload, status, attempts, created_at, updated_at, processed_at)
select gen_random_uuid()::text, 'salon-' || n % 9, 'client',
    (array['booking_confirmation', 'reminder_24h', 'reminder_2h', 'cancellation'])[1 + n % 4], '{}',
    (array['completed', 'completed', 'failed', 'completed', 'completed'])[1 + n % 5], 1, moment, moment, moment
from (
    select n, now() at time zone 'UTC' - random() * interval '1 year' as moment from generate_series(1, $1::int) n
) made
"""

_MESSAGES = """
insert into notifyd.rollups (salon_key, hour, type, channel, outcome, n, purged)
select salon_key, hour, type, message.channel, message.outcome, n, n
from notifyd.rollups, (values
    ('email', 'sent'), ('email', 'failed'), ('email', 'suppressed'), ('sms', 'sent'), ('sms', 'failed'),
    ('sms', 'suppressed'), ('sms', 'segments'), ('job', 'partial'), ('job', 'cancelled')
) message (channel, outcome)
where rollups.channel = 'job' and rollups.outcome = 'completed'
"""
"""As if every hour of the year had seen every outcome, in rows that retention has deleted since."""

_WAITING = """
insert into notification_jobs (id, salon_id, client_id, type, payload, status, updated_at)
select gen_random_uuid()::text, 'salon-' || n % 9, 'client', 'reminder_2h', '{}', status, now()
from unnest(array['pending', 'scheduled', 'held']) status, generate_series(1, 200) n
"""


async def counts(cluster: Cluster, sizes: tuple[int, ...], rounds: int) -> str:
    """Measure, and return the figures as text.

    Args:
        cluster: A server that need not be durable: nothing but reading is measured.
        sizes: Finished rows.
        rounds: How often each is asked for at the most.
    """
    lines = [f"{'milliseconds, p50 / p99':26}" + "".join(f"{f'{size:,} finished rows':>28}" for size in sizes)]
    columns = [await _measure(cluster, size, rounds) for size in sizes]
    lines += [f"{name:26}" + "".join(f"{_pair(column[name]):>28}" for column in columns) for name in columns[0]]
    return "\n".join(lines) + "\n"


async def _measure(cluster: Cluster, size: int, rounds: int) -> dict[str, list[float]]:
    database = f"counts_{size}"
    cluster.run(f"create database {database}")
    dsn = cluster.dsn(database)
    await booking_system.set_up(dsn)
    say(f"{size:,} finished rows: filling the table")
    booking = await asyncpg.connect(dsn, server_settings={"application_name": "booking"})
    await booking.execute(_FILL, size, timeout=3_600)
    await booking.execute(_WAITING)
    await booking.execute("vacuum analyze notification_jobs", timeout=3_600)
    say("adopting it")
    began = time.monotonic()
    await migrate(dsn, booking_system.TABLE)
    say(f"adopted in {time.monotonic() - began:.0f} s; recounting it")
    began = time.monotonic()
    assert (await verify(dsn, booking_system.TABLE)).clean
    say(f"recounted in {time.monotonic() - began:.0f} s; measuring")
    await booking.execute(_MESSAGES)
    await booking.execute("vacuum analyze")
    async with open_store(dsn, booking_system.TABLE, connections=1, pinned=False) as store:
        times = {
            name: await _timed(ask, rounds)
            for name, ask in (
                ("/stats", partial(read, store)),
                ("/stats of one salon", partial(read, store, "salon-1")),
                ("/stats, 7 days by hours", partial(_since, store, timedelta(days=7))),
                ("/stats, 365 days", partial(_since, store, timedelta(days=365))),
                ("group by status", partial(booking.fetch, GROUP_BY)),
            )
        }
    await booking.close()
    return times


async def _since(store: Store, ago: timedelta) -> None:
    await read(store, None, datetime.now(UTC) - ago)  # noqa: TID251 - a measurement


async def _timed(ask: Callable[[], Awaitable[object]], rounds: int) -> list[float]:
    """Return milliseconds; the first few do not count, for they find nothing in memory, and plan."""
    times: list[float] = []
    end = time.monotonic() + PATIENCE
    while len(times) < rounds + 10 and (time.monotonic() < end or len(times) < 13):
        began = time.perf_counter()
        await ask()
        times.append((time.perf_counter() - began) * 1_000)
    return times[10:]


def _pair(times: list[float]) -> str:
    return f"{percentile(times, 50):.1f} / {percentile(times, 99):.1f}"
