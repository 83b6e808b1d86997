"""The steps of a job's life as the tests of the store take them, one at a time."""

from datetime import timedelta
from typing import Any

import asyncpg

from notifyd.model.job import Channel, Job
from notifyd.model.outcome import Outcome, Sent
from notifyd.model.verdict import Done, Verdict
from notifyd.store.deliveries import Intent, intend
from notifyd.store.jobs import claim
from notifyd.store.pool import Store
from notifyd.store.record import SendRecord, Settled, VerdictRecord, record
from notifyd.store.rescue import Rescued, rescue
from support.jobs import insert_job

EMAIL, SMS = Channel.EMAIL, Channel.SMS
LEASE = timedelta(minutes=1)
SENDER, RECIPIENT = "salon@example.com", "client@example.com"
FINGERPRINT = "f" * 32


async def take(store: Store, limit: int = 1_000, daemon: str = "one") -> list[Job]:
    """Claim."""
    return await claim(store, daemon, limit, LEASE)


async def claimed(store: Store, connection: asyncpg.Connection, **columns: Any) -> Job:
    """Insert one row and claim it."""
    job_id = await insert_job(connection, **columns)
    (job,) = [job for job in await take(store) if job.id == job_id]
    return job


def intent(job: Job, channel: Channel = EMAIL, sender: str = SENDER, recipient: str = RECIPIENT) -> Intent:
    """Describe an intent."""
    return Intent(job, channel, sender, recipient, FINGERPRINT if channel is SMS else None)


def send(job: Job, outcome: Outcome, channel: Channel = EMAIL, recipient: str = RECIPIENT) -> SendRecord:
    """Describe what a send came to."""
    return SendRecord(job, channel, outcome, SENDER, recipient)


async def go_ahead(store: Store, *jobs: Job, channel: Channel = EMAIL) -> None:
    """Write intents, none of which may be refused."""
    assert [None] * len(jobs) == await intend(store, [intent(job, channel) for job in jobs])


async def settle(store: Store, job: Job, verdict: Verdict) -> Settled:
    """Record one verdict."""
    (found,) = await record(store, [VerdictRecord(job, verdict)])
    assert found is not None
    return found


async def complete(store: Store, job: Job) -> None:
    """Send an e-mail and settle."""
    await go_ahead(store, job)
    found = await record(store, [send(job, Sent("250 ok")), VerdictRecord(job, Done())])
    assert [None, Settled(lease_held=True, row_found=True)] == found


async def row(connection: asyncpg.Connection, job: Job | str) -> asyncpg.Record:
    """Return the booking system's row."""
    job_id = job if isinstance(job, str) else job.id
    (found,) = await connection.fetch("select * from notification_jobs where id::text = $1", job_id)
    return found


async def ledger(connection: asyncpg.Connection, job: Job) -> dict[str, tuple[str, str | None]]:
    """Return state and reason of a job's deliveries, by channel."""
    rows = await connection.fetch("select * from notifyd.deliveries where job_key = $1", job.key)
    return {found["channel"]: (found["state"], found["reason"]) for found in rows}


async def count(connection: asyncpg.Connection, table: str) -> int:
    """Count the rows of one of our tables."""
    return int(await connection.fetchval(f"select count(*) from notifyd.{table}"))


async def let_expire(connection: asyncpg.Connection) -> None:
    """Let every lease run out."""
    await connection.execute("update notifyd.leases set expires_at = now() - interval '1 s'")


async def rescue_all(store: Store) -> list[Rescued]:
    """Rescue, whenever the server was started."""
    return await rescue(store, 1_000, server_grace=timedelta())
