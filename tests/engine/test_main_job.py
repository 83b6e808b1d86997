"""The main job, end to end: a row is committed, both messages arrive, the row and the ledger say so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from notifyd.demo.mail_sink import Stall
from notifyd.store.migrate import migrate
from support.daemon import DaemonProcess
from support.databases import Databases
from support.jobs import insert_job, payload
from support.waiting import until
from support.world import World, open_world


async def test_both_channels_are_sent_and_the_row_says_so(world: World) -> None:
    """A row leads to one mail and one SMS, `completed`, and a ledger with both."""
    with world.daemon() as daemon:
        await daemon.wait_for_event("daemon.ready")
        job = await world.insert()
        row = await world.settled(job)
        assert ("completed", 1, None) == (row["status"], row["attempts"], row["error"])
        assert {"email": "sent", "sms": "sent"} == await world.ledger(job)
        assert (1, 1) == (len(world.mail.mails), len(world.twilio.messages))
        assert await daemon.terminate() == 0


async def test_a_bare_insert_on_an_indian_server_ends_with_times_in_utc(databases: Databases, tmp_path: Path) -> None:
    """Only the four columns given, the server's zone Asia/Kolkata: sent on both channels, processed_at in UTC."""
    dsn = await databases.create(timezone="Asia/Kolkata")
    async with open_world(databases.cluster, dsn, tmp_path) as world:
        assert await world.booking.fetchval("show timezone") == "Asia/Kolkata"
        with world.daemon():
            settled = await world.settled(await insert_job(world.booking))
        assert settled["status"] == "completed"
        row = await world.booking.fetchrow("select * from notification_jobs")
        assert row is not None
        now = datetime.now(UTC).replace(tzinfo=None)  # noqa: TID251 - the outside view
        for column in ("created_at", "updated_at", "processed_at"):
            assert abs(now - row[column]) < timedelta(minutes=1), column
    await databases.drop(dsn)


PRISMA = """
create table notification_jobs (
    id text not null primary key, salon_id text not null, client_id text not null, appointment_id text,
    type text not null, payload {payload} not null, status text not null default 'pending',
    attempts integer not null default 0, max_attempts integer not null default 3, error text,
    created_at {stamp} not null default current_timestamp, updated_at {stamp} not null, processed_at {stamp});
create index on notification_jobs (status, created_at);
create index on notification_jobs (status, attempts)
"""


@pytest.mark.parametrize("identity", ["text", "uuid"])
@pytest.mark.parametrize(
    ("stamp", "kind"), [("timestamp(3)", "text"), ("timestamptz", "jsonb"), ("timestamp(3)", "json")]
)
async def test_jobs_flow_on_an_adopted_table(
    databases: Databases, tmp_path: Path, identity: str, stamp: str, kind: str
) -> None:
    """On a table in Prisma's shape, in all type variants, an insert without id and updated_at is sent."""
    dsn = await databases.create(migrated=False)
    admin = await asyncpg.connect(dsn)
    await admin.execute(PRISMA.format(stamp=stamp, payload=kind).replace("id text", f"id {identity}", 1))
    await migrate(dsn)
    async with open_world(databases.cluster, dsn, tmp_path) as world:
        with world.daemon():
            job = await insert_job(world.booking)
            await until(lambda: admin.fetchval("select 1 from notification_jobs where status = 'completed'"), hint=job)
        assert (1, 1) == (len(world.mail.mails), len(world.twilio.messages))
    await admin.close()
    await databases.drop(dsn)


async def test_a_job_waits_for_send_at_and_dies_with_expires_at(world: World) -> None:
    """`sendAt` in the future schedules unspent, `expiresAt` in the past cancels, both without a message."""
    later = payload() | {"sendAt": "2098-01-01T00:00:00Z"}
    gone = payload() | {"expiresAt": "2020-01-01T00:00:00Z"}
    with world.daemon() as daemon:
        waiting, expired = await world.insert(payload=later), await world.insert(payload=gone)
        assert (await world.settled(expired))["status"] == "cancelled"
        await daemon.wait_for_event("job.scheduled", job=waiting)
        row = await world.row(waiting)
        assert ("scheduled", 0) == (row["status"], row["attempts"])
        assert not world.mail.mails


async def test_a_scheduled_job_leaves_when_it_falls_due(world: World) -> None:
    """`run_at` two hundred milliseconds ahead: the due time itself wakes the daemon, long before the next poll."""
    with world.daemon(poll_interval=60) as daemon:
        await daemon.wait_for_event("listen.ready")
        run_at = await world.booking.fetchval("select now() + interval '1 second'")
        job = await world.insert(run_at=run_at)
        row = await world.settled(job, timeout=10)
        assert ("completed", 1) == (row["status"], row["attempts"])
        assert await world.booking.fetchval(
            "select processed_at >= $1 at time zone 'UTC' from notification_jobs", run_at
        )


async def test_the_poll_alone_finds_work(world: World) -> None:
    """With both triggers disabled everything still works, at poll speed."""
    await world.booking.execute("alter table notification_jobs disable trigger user")
    with world.daemon(poll_interval=0.3) as daemon:
        await daemon.wait_for_event("daemon.ready")
        assert (await world.settled(await world.insert()))["status"] == "completed"


async def test_a_row_cancelled_while_we_hold_it_stays_cancelled(world: World) -> None:
    """The booking system's word wins: settling then affects no row, is logged, and is no error."""
    world.mail.script = {"data": Stall(1.0)}
    with world.daemon() as daemon:
        job = await world.insert("email")
        await daemon.wait_for_event("job.claimed", job=job)
        await world.booking.execute("update notification_jobs set status = 'cancelled' where id = $1", job)
        await daemon.wait_for_event("job.gone", job=job)
        assert (await world.row(job))["status"] == "cancelled"
        assert 0 == await world.booking.fetchval("select count(*) from notifyd.leases")


async def test_a_row_without_attempts_left_fails_saying_so(world: World) -> None:
    """`pending` with attempts = max_attempts, as the original worker left them: failed, nothing sent."""
    with world.daemon():
        row = await world.settled(await world.insert(attempts=3, max_attempts=3))
    assert ("failed", 3, "attempts used up (3 of 3)") == (row["status"], row["attempts"], row["error"])
    assert not world.mail.mails


async def test_the_daemon_refuses_a_database_without_the_table(empty_database: str, tmp_path: Path) -> None:
    """Exit code 1, and the journal says what to run."""
    with DaemonProcess(empty_database, tmp_path) as daemon:
        assert 1 == await daemon.wait()
        (refused,) = daemon.events("daemon.refused")
        assert "notifyd migrate" in refused["reason"]
