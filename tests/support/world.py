"""A whole small world: a migrated database, a role with no more rights than the daemon needs, a mail sink, Twilio."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from notifyd.demo.mail_sink import MailSink
from notifyd.demo.postgres import Cluster
from notifyd.demo.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn
from notifyd.store.migrate import grants
from support.daemon import DaemonProcess
from support.jobs import insert_job, payload
from support.waiting import until

SENDER = "+15005550006"
FINAL = ("completed", "failed", "cancelled", "held")


@dataclass
class World:
    """What a test of the whole daemon needs.

    Attributes:
        booking: A connection of the booking system, to insert and to look.
        owner_dsn: The booking system's.
        dsn: The daemon's, under the least-privilege role.
    """

    booking: asyncpg.Connection
    owner_dsn: str
    dsn: str
    mail: MailSink
    twilio: TwilioStandIn
    directory: Path

    def daemon(self, **settings: Any) -> DaemonProcess:
        """Describe a daemon that reaches both stand-ins; `with` starts it."""
        chosen: dict[str, Any] = {
            "email_transport": "smtp",
            "smtp_host": "127.0.0.1",
            "smtp_port": self.mail.port,
            "smtp_tls": "none",
            "smtp_from": "booking@notifyd.example",
            "sms_transport": "twilio",
            "twilio_account_sid": ACCOUNT_SID,
            "twilio_auth_token": AUTH_TOKEN,
            "twilio_from": SENDER,
            "twilio_base_url": self.twilio.base_url,
        }
        return DaemonProcess(self.dsn, self.directory, **{**chosen, **settings})

    async def insert(self, *channels: str, **columns: Any) -> str:
        """Insert one booking confirmation for these channels; all if none is named."""
        return await insert_job(self.booking, **{"payload": payload(*channels), **columns})

    async def insert_many(self, count: int, *channels: str) -> None:
        """Insert many rows in one statement, each with an address of its own."""
        await self.booking.execute(
            """insert into notification_jobs (salon_id, client_id, type, payload)
               select 'salon-' || n % 7, 'client-' || n, 'booking_confirmation', jsonb_set(jsonb_set($1::jsonb,
                   '{data,clientEmail}', to_jsonb('client' || n || '@example.com')),
                   '{data,clientPhone}', to_jsonb('+1415555' || to_char(1000 + n % 9000, 'FM0000')))::text
               from generate_series(1, $2) n""",
            json.dumps(payload(*channels)),
            count,
        )

    async def row(self, job_id: str) -> asyncpg.Record:
        """Return the row of a job, without the times that a booking system may have set to what Python cannot hold."""
        row = await self.booking.fetchrow(
            "select status, attempts, error, processed_at from notification_jobs where id = $1", job_id
        )
        assert row is not None
        return row

    async def ledger(self, job_id: str) -> dict[str, str]:
        """Return the state of each delivery of a job."""
        rows = await self.booking.fetch("select channel, state from notifyd.deliveries where job_id = $1", job_id)
        return {row["channel"]: row["state"] for row in rows}

    async def counts(self) -> dict[str, int]:
        """Return how many jobs there are in each state."""
        rows = await self.booking.fetch("select status, count(*) as jobs from notification_jobs group by status")
        return {row["status"]: row["jobs"] for row in rows}

    async def settled(self, job_id: str, timeout: float = 20) -> asyncpg.Record:
        """Wait until a job has reached a state that it keeps, and return its row."""

        async def there() -> asyncpg.Record | None:
            row = await self.row(job_id)
            return row if row["status"] in FINAL else None

        row = await until(there, timeout, hint=f"job {job_id} is not settled")
        assert row is not None
        return row

    async def all_settled(self, timeout: float = 60) -> dict[str, int]:
        """Wait until every job has reached a state that it keeps, and return the counts."""

        async def there() -> dict[str, int] | None:
            counts = await self.counts()
            return counts if set(counts) <= set(FINAL) else None

        counts = await until(there, timeout, hint="not every job is settled")
        assert counts is not None
        return counts


async def daemon_dsn(cluster: Cluster, dsn: str, table: str = "notification_jobs") -> str:
    """Make the role that `notifyd migrate` prints the grants of, and return the daemon's DSN under it."""
    admin = await asyncpg.connect(dsn)
    try:
        if not await admin.fetchval("select 1 from pg_roles where rolname = 'notifyd'"):
            await admin.execute(f"create role notifyd login password '{cluster.password}'")
        for statement in grants(table, "notifyd"):
            await admin.execute(statement)
    finally:
        await admin.close()
    return cluster.dsn(dsn.partition("?")[0].rpartition("/")[2], user="notifyd")


@asynccontextmanager
async def open_world(cluster: Cluster, dsn: str, directory: Path) -> AsyncIterator[World]:
    """Put a world together around a migrated database."""
    async with MailSink() as mail, TwilioStandIn() as twilio:
        world = World(await asyncpg.connect(dsn), dsn, await daemon_dsn(cluster, dsn), mail, twilio, directory)
        try:
            yield world
        finally:
            await world.booking.close(timeout=5)
