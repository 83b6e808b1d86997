"""Daemons die, stand still and lose their database; no job is lost, and a message goes out twice only where it must."""

import time
from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from notifyd.demo.mail_sink import ReceivedMail, Stall
from notifyd.demo.postgres import Cluster, Shutdown
from notifyd.demo.twilio_stand_in import Stall as SmsStall
from support.databases import Databases
from support.waiting import until
from support.world import World, open_world

LEASE = 2.0


async def test_two_daemons_share_a_thousand_jobs(world: World) -> None:
    """Two daemons at one table: every job is completed, every message leaves exactly once, both have worked."""
    await world.insert_many(1000)
    with world.daemon() as first, world.daemon() as second:
        assert {"completed": 1000} == await world.all_settled(120)
        mails = Counter(mail.message_id for mail in world.mail.mails)
        texts = Counter(sms.to for sms in world.twilio.messages)
        assert (1000, {1}) == (len(mails), set(mails.values()))
        assert (1000, {1}) == (len(texts), set(texts.values()))
        assert first.events("job.completed")
        assert second.events("job.completed")


async def test_killed_while_claimed(world: World) -> None:
    """SIGKILL between claim and intent: the lease runs out, the next daemon sends each message once."""
    async with world.booking.transaction():
        await world.booking.execute("lock table notifyd.deliveries in exclusive mode")
        with world.daemon(lease=LEASE) as daemon:
            job = await _insert_elsewhere(world)
            await daemon.wait_for_event("job.claimed", job=job)
            daemon.kill()
    with world.daemon(lease=LEASE) as successor:
        row = await world.settled(job)
        assert ("completed", 2) == (row["status"], row["attempts"])
        assert (1, 1) == (len(world.mail.mails), len(world.twilio.messages))
        rescued = await successor.wait_for_event("job.rescued", job=job)
        assert "unknown" not in rescued


async def test_killed_while_sending(world: World) -> None:
    """SIGKILL with both messages on the wire: the mail goes again under its Message-ID, Twilio is asked for the SMS."""
    world.mail.script = lambda command, _argument, count: Stall() if (command, count) == ("dot", 1) else None
    world.twilio.script = lambda attempt: SmsStall() if attempt.count == 1 else None
    with world.daemon(lease=LEASE) as daemon:
        job = await world.insert()
        await until(lambda: world.mail.commands["dot"] and world.twilio.posts, hint=daemon.tail)
        daemon.kill()
    with world.daemon(lease=LEASE) as successor:
        row = await world.settled(job)
        rescued = await successor.wait_for_event("job.rescued", job=job)
        await successor.wait_for_event("delivery.found", job=job, channel="sms")
    assert {"email", "sms"} == set(rescued["unknown"].split(","))
    assert ("completed", {"email": "sent", "sms": "sent"}) == (row["status"], await world.ledger(job))
    assert (None, 2) == (row["error"], row["attempts"])
    assert (1, 1) == (len(world.mail.mails), world.twilio.posts)


async def test_killed_after_the_providers_yes(world: World) -> None:
    """SIGKILL between the server's yes and the ledger: the mail comes twice under one Message-ID, on record."""
    doomed = world.daemon(lease=LEASE, sms_transport="off")
    seen: list[str] = []

    def kill_at_first(mail: ReceivedMail) -> None:
        seen.append(mail.message_id or "")
        if len(seen) == 1:
            doomed.kill()

    world.mail.on_mail = kill_at_first
    with doomed:
        job = await world.insert("email")
        await until(lambda: doomed.exit_code is not None)
    assert {"email": "intended"} == await world.ledger(job)
    with world.daemon(lease=LEASE, sms_transport="off") as successor:
        assert (await world.settled(job))["status"] == "completed"
        assert "email" == (await successor.wait_for_event("job.rescued", job=job))["unknown"]
    assert (2, 1) == (len(seen), len(set(seen)))


async def test_killed_on_the_last_attempt(world: World) -> None:
    """A crash on the last attempt ends `failed`, never stuck, and the error says what is not known."""
    world.mail.script = lambda command, _argument, _count: Stall() if command == "dot" else None
    with world.daemon(lease=LEASE, sms_transport="off") as daemon:
        job = await world.insert("email", max_attempts=1)
        await until(lambda: world.mail.commands["dot"], hint=daemon.tail)
        daemon.kill()
    with world.daemon(lease=LEASE, sms_transport="off"):
        row = await world.settled(job)
    assert ("failed", 1) == (row["status"], row["attempts"])
    assert "attempts used up (1 of 1)" in row["error"]
    assert "may have been delivered" in row["error"]


async def test_a_stale_daemon_changes_nothing(world: World) -> None:
    """SIGSTOP for longer than the lease, then SIGCONT: its successor's row and ledger stay as they are."""
    world.mail.script = lambda command, _argument, count: Stall(0.5) if (command, count) == ("dot", 1) else None
    with world.daemon(lease=LEASE, sms_transport="off") as stale:
        await stale.wait_for_event("listen.ready")
        job = await world.insert("email")
        await until(lambda: world.mail.commands["dot"], hint=stale.tail)
        stale.stop()
        with world.daemon(lease=LEASE, sms_transport="off"):
            await world.settled(job)
            before = (await world.row(job), await _ledger_rows(world))
            stale.cont()
            await stale.wait_for_event("lease.lost", job=job)
            assert before == (await world.row(job), await _ledger_rows(world))
        assert 2 == before[0]["attempts"]


async def test_a_stopped_daemon_sends_nothing_it_has_lost(world: World) -> None:
    """SIGSTOP between claim and send for longer than the lease: after SIGCONT not one byte of a lost job leaves."""
    with world.daemon(lease=LEASE) as stale:
        await stale.wait_for_event("listen.ready")
        transaction = world.booking.transaction()
        await transaction.start()
        await world.booking.execute("lock table notifyd.deliveries in exclusive mode")
        job = await _insert_elsewhere(world)
        await stale.wait_for_event("job.claimed", job=job)
        stale.stop()
        await transaction.rollback()
        with world.daemon(lease=LEASE):
            row = await world.settled(job)
            stale.cont()
            await stale.wait_for_event("lease.lost", job=job)
        assert ("completed", 1, 1) == (row["status"], len(world.mail.mails), world.twilio.posts)


@pytest.mark.parametrize("how", list(Shutdown))
async def test_postgres_restarts_mid_run(restartable: Cluster, tmp_path: Path, how: Shutdown) -> None:
    """The server goes away under load and comes back: nothing lost, nothing doubled, no attempt of ours wasted."""
    dsn = await Databases(restartable).create()
    async with open_world(restartable, dsn, tmp_path) as world:
        await world.insert_many(400)
        with world.daemon(lease=30) as daemon:
            await until(lambda: len(world.mail.mails) > 50, hint=daemon.tail)
            restartable.stop(how)
            await daemon.wait_for_event("database.away")
            restartable.start()
            world.booking = await asyncpg.connect(dsn)
            assert {"completed": 400} == await world.all_settled(60)
            assert (400, 400) == (len(world.mail.mails), len(world.twilio.messages))
            assert 1 == await world.booking.fetchval("select max(attempts) from notification_jobs")
            assert await daemon.terminate() == 0


async def test_the_database_is_not_there_yet(restartable: Cluster, tmp_path: Path) -> None:
    """A daemon started before its database waits for it, at a line a second, and stops when told to."""
    dsn = await Databases(restartable).create()
    async with open_world(restartable, dsn, tmp_path) as world:
        restartable.stop()
        with world.daemon() as daemon, world.daemon() as patient:
            await daemon.wait_for_event("database.away")
            assert await daemon.terminate() == 0
            await patient.wait_for_event("database.away")
            restartable.start()
            await patient.wait_for_event("daemon.ready")


async def test_a_stop_drains_and_hands_back_the_rest(world: World) -> None:
    """SIGTERM: what is on the wire is finished, what only waits goes back `pending` without an attempt spent."""
    world.mail.script = lambda command, _argument, _count: Stall(1.0) if command == "data" else None
    await world.insert_many(30, "email")
    with world.daemon(smtp_connections=1, grace=2) as daemon:
        await until(lambda: world.mail.commands["data"], hint=daemon.tail)
        started = time.monotonic()
        assert await daemon.terminate() == 0
        assert time.monotonic() - started < 10
    counts = await world.counts()
    assert {"completed", "pending"} == set(counts) - {"scheduled"}
    rows = await world.booking.fetch("select attempts, status from notification_jobs where status = 'pending'")
    assert {0} == {row["attempts"] for row in rows}
    assert 0 == await world.booking.fetchval("select count(*) from notifyd.leases")
    cut_off = await world.booking.fetchval("select count(*) from notifyd.deliveries where state = 'unknown'")
    assert cut_off <= 1, "one connection: no more than one message can have been on the wire"
    assert counts["completed"] <= len(world.mail.mails) <= counts["completed"] + cut_off


async def test_a_stop_under_a_backlog_claims_no_more(world: World) -> None:
    """SIGTERM while claims are slow, many jobs wait and slots are always free: the claim loop ends all the same."""
    await world.insert_many(10_000, "email")
    await world.booking.execute("drop index notifyd_pending")
    with world.daemon(email_transport="null", sms_transport="null") as daemon:
        await daemon.wait_for_event("job.completed")
        assert await daemon.terminate() == 0
        counts = await world.counts()
        assert {"completed", "pending"} == set(counts)
        assert counts["completed"] < 3_000


async def _ledger_rows(world: World) -> list[asyncpg.Record]:
    return await world.booking.fetch("select * from notifyd.deliveries order by job_key, channel")


async def _insert_elsewhere(world: World) -> str:
    """Insert from a second connection: the world's own is inside a transaction."""
    own, world.booking = world.booking, await asyncpg.connect(world.owner_dsn)
    try:
        return await world.insert()
    finally:
        await world.booking.close()
        world.booking = own
