"""A provider that is away, overloaded or misconfigured costs no job an attempt, and is not hammered."""

import itertools
import os
import time

import psutil

from notifyd.demo.mail_sink import Stall
from notifyd.demo.twilio_stand_in import Attempt, Refuse
from support.waiting import until
from support.world import World

OUTAGE_JOBS = int(os.environ.get("NOTIFYD_TEST_OUTAGE_JOBS", "600"))
OUTAGE_SECONDS = float(os.environ.get("NOTIFYD_TEST_OUTAGE_SECONDS", "6"))


async def test_jobs_survive_an_outage_of_the_mail_server(world: World) -> None:
    """Connections refused while many jobs wait: none fails, no attempt is spent, the daemon idles, then all is sent."""
    await world.mail.stop_listening()
    await world.insert_many(OUTAGE_JOBS, "email")
    began = time.monotonic()
    with world.daemon(sms_transport="off") as daemon:

        async def all_wait() -> bool:
            return await world.counts() == {"scheduled": OUTAGE_JOBS}

        await until(all_wait, 60, hint=daemon.tail)
        assert 0 == await world.booking.fetchval("select max(attempts) from notification_jobs")
        process = psutil.Process(daemon.pid)
        before, looked = process.cpu_times(), time.monotonic()
        await until(lambda: time.monotonic() - began > OUTAGE_SECONDS, OUTAGE_SECONDS + 10)
        spent = process.cpu_times().user + process.cpu_times().system - before.user - before.system
        assert spent < 0.1 * (time.monotonic() - looked) + 0.3, "the daemon is busy although nothing can be sent"
        await world.mail.start_listening()
        assert {"completed": OUTAGE_JOBS} == await world.all_settled(90 + OUTAGE_JOBS / 100)
        assert OUTAGE_JOBS == len({mail.message_id for mail in world.mail.mails}) == len(world.mail.mails)
        assert 1 == await world.booking.fetchval("select max(attempts) from notification_jobs")
        assert daemon.events("channel.paused")
        assert daemon.events("channel.resumed")


async def test_too_many_requests_are_answered_by_waiting(world: World) -> None:
    """The SMS gets 429 twice, then 201: one mail, one SMS, no request before its Retry-After, one attempt spent."""
    asked: list[float] = []

    def script(attempt: Attempt) -> Refuse | None:
        asked.append(time.monotonic())
        return Refuse(429, 20429, "Too Many Requests", retry_after="2") if attempt.count <= 2 else None

    world.twilio.script = script
    with world.daemon() as daemon:
        job = await world.insert()
        row = await world.settled(job, timeout=30)
        assert ("completed", 1, None) == (row["status"], row["attempts"], row["error"])
        assert (1, 1, 3) == (len(world.mail.mails), len(world.twilio.messages), len(asked))
        assert min(later - earlier for earlier, later in itertools.pairwise(asked)) >= 2.0
        assert 2 == len(daemon.events("channel.paused", channel="sms"))


async def test_bad_credentials_are_loud_and_fail_no_job(world: World) -> None:
    """401 from Twilio: an error in the journal, the mail leaves, the job waits unspent for the SMS."""
    with world.daemon(twilio_auth_token="wrong" * 6) as daemon:
        job = await world.insert()
        paused = await daemon.wait_for_event("channel.paused", channel="sms")
        assert "error" == paused["level"]
        await daemon.wait_for_event("job.scheduled", job=job)
        row = await world.row(job)
        assert ("scheduled", 0) == (row["status"], row["attempts"])
        assert {"email": "sent", "sms": "retrying"} == await world.ledger(job)


async def test_a_retry_sends_only_what_is_owed(world: World) -> None:
    """The mail is refused for a while, the SMS is sent at once: the retry sends the mail alone."""
    world.mail.script = lambda command, _argument, count: (
        "451 4.3.0 later" if command == "rcpt" and count == 1 else None
    )
    with world.daemon(retry_base=0.2) as daemon:
        job = await world.insert()
        await daemon.wait_for_event("job.scheduled", job=job)
        assert {"email": "retrying", "sms": "sent"} == await world.ledger(job)
        await world.booking.execute("update notifyd.schedule set due_at = now()")
        row = await world.settled(job)
        assert ("completed", 2) == (row["status"], row["attempts"])
        assert (1, 1) == (len(world.mail.mails), world.twilio.posts)


async def test_a_slow_mail_server_does_not_hold_up_sms(world: World) -> None:
    """Every mail hangs and fills all slots: SMS jobs inserted behind them still leave within seconds."""
    world.mail.script = lambda command, _argument, _count: Stall() if command == "mail" else None
    await world.insert_many(60, "email")
    with world.daemon(max_in_flight=20, smtp_connections=2, poll_interval=1) as daemon:
        await until(lambda: world.mail.commands["mail"] >= 2, hint=daemon.tail)
        job = await world.insert("sms")
        row = await world.settled(job, timeout=30)
        assert "completed" == row["status"]


async def test_a_suppressed_recipient_is_not_contacted_again(world: World) -> None:
    """550 5.1.1 suppresses the address: the next job to it fails without a word on the wire, other addresses do not."""
    world.mail.script = lambda command, _argument, count: (
        "550 5.1.1 no such user" if (command, count) == ("rcpt", 1) else None
    )
    with world.daemon(sms_transport="off"):
        first = await world.settled(await world.insert("email"))
        second_id = await world.insert("email")
        second = await world.settled(second_id)
        assert ("failed", "failed") == (first["status"], second["status"])
        assert 1 == world.mail.commands["rcpt"]
        assert {"email": "suppressed"} == await world.ledger(second_id)
