"""`notifications`: what notifyd did for one salon this month, out of the rollups."""

from datetime import UTC, datetime

import asyncpg

from dashboards.reading import open_reader
from notifyd.dashboards import load
from notifyd.store.dashboards import run

COUNTS = """
drop view if exists notifyd.counts;
create table notifyd.counts (salon_key uuid, hour timestamptz, type text, channel text, outcome text, n bigint);
insert into notifyd.counts select notifyd.job_key(salon), hour::timestamptz, type, channel, outcome, n from (values
    ('berlin', '2026-10-31T22:00Z', 'reminder_2h', 'sms', 'sent', 1000),  -- October's last hour
    ('berlin', '2026-10-31T23:00Z', 'reminder_2h', 'sms', 'sent', 1),     -- November's first
    ('berlin', '2026-11-15T10:00Z', 'reminder_2h', 'sms', 'sent', 2),
    ('berlin', '2026-11-15T10:00Z', 'reminder_2h', 'sms', 'sent', 3),     -- not folded yet: twice the same
    ('berlin', '2026-11-15T10:00Z', 'reminder_2h', 'sms', 'segments', 12),
    ('berlin', '2026-11-15T11:00Z', 'reminder_2h', 'email', 'suppressed', 4),
    ('berlin', '2026-11-15T11:00Z', 'cancellation', 'email', 'sent', 5),
    ('berlin', '2026-11-15T11:00Z', 'cancellation', 'email', 'failed', 6),
    ('berlin', '2026-11-15T11:00Z', 'cancellation', 'job', 'completed', 7),
    ('berlin', '2026-11-15T11:00Z', 'cancellation', 'job', 'failed', 8),
    ('berlin', '2026-11-30T23:00Z', 'cancellation', 'email', 'sent', 1000), -- December
    ('other', '2026-11-15T11:00Z', 'cancellation', 'email', 'sent', 1000)
) counted (salon, hour, type, channel, outcome, n);
"""

NOW = datetime(2026, 11, 20, tzinfo=UTC)


async def test_a_salons_month(database: str) -> None:
    """Messages and segments of that salon, this month by its clock; jobs are no messages."""
    connection = await asyncpg.connect(database)
    await connection.execute(COUNTS)
    await connection.execute("create table salons (id text, timezone text)")
    await connection.execute("insert into salons values ('berlin', 'Europe/Berlin')")
    await connection.close()
    async with open_reader(database) as store:
        answer = await run(store, load(None).dashboards["notifications"], {"salon_id": "berlin"}, NOW)
    nothing = {"sent": 0, "failed": 0, "suppressed": 0, "segments": 0}
    assert {
        "totals": {"sent": 11, "failed": 6, "suppressed": 4, "segments": 12},
        "byChannel": [
            {"channel": "email", **nothing, "sent": 5, "failed": 6, "suppressed": 4},
            {"channel": "sms", **nothing, "sent": 6, "segments": 12},
        ],
        "byType": [
            {"type": "cancellation", "channel": "email", **nothing, "sent": 5, "failed": 6},
            {"type": "reminder_2h", "channel": "email", **nothing, "suppressed": 4},
            {"type": "reminder_2h", "channel": "sms", **nothing, "sent": 6, "segments": 12},
        ],
        "timezone": "Europe/Berlin",
    } == answer.data


async def test_a_database_without_salons(database: str) -> None:
    """Without that table months are UTC's, and nobody is unknown."""
    connection = await asyncpg.connect(database)
    await connection.execute(COUNTS)
    await connection.close()
    async with open_reader(database) as store:
        data = (await run(store, load(None).dashboards["notifications"], {"salon_id": "berlin"}, NOW)).data
    assert ("UTC", 2 + 3 + 5 + 1000) == (data["timezone"], data["totals"]["sent"])
