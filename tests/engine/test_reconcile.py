"""SMS in doubt: Twilio is asked, what it has counts as sent, and what it surely does not have is sent again."""

import os
from collections import Counter
from dataclasses import replace
from typing import Any
from zlib import crc32

import pytest

from notifyd.demo.twilio_stand_in import Action, Garble, Refuse, Reset, Stall
from support.jobs import payload
from support.waiting import until
from support.world import World

GRACE = 0.4

JOBS = int(os.environ.get("NOTIFYD_TEST_UNRELIABLE_JOBS", "30"))
"""How many jobs the unreliable provider is given; the promise is measured with 200."""

ACCEPTED: list[Action | None] = [Reset(accept=True), Stall(), Refuse(500, 20500, accept=True)]
"""Ways in which the yes gets lost."""


def once(action: Action) -> Any:
    """Return a script that does this at the first POST, and nothing unusual afterwards."""
    return lambda attempt: action if attempt.count == 1 else None


@pytest.mark.parametrize(
    "action",
    [
        Reset(accept=True),
        Garble(),
        Garble("{}"),
        Stall(),
        Refuse(500, 20500, accept=True),
        Refuse(503, accept=True),
    ],
    ids=repr,
)
async def test_what_was_accepted_counts_as_sent(world: World, action: Action) -> None:
    """However the yes got lost: one POST, one message, the ledger has its SID, and one attempt is spent."""
    world.twilio.script = once(action)
    with world.daemon(email_transport="off", twilio_timeout=1, reconcile_grace=30) as daemon:
        job = await world.insert("sms")
        row = await world.settled(job)
        await daemon.wait_for_event("delivery.unknown", job=job)
        await daemon.wait_for_event("delivery.found", job=job, provider_id=world.twilio.messages[0].sid)
    assert ("completed", 1, None) == (row["status"], row["attempts"], row["error"])
    assert (1, 1) == (world.twilio.posts, len(world.twilio.messages))
    ledger = await world.booking.fetchrow("select state, provider_id, proof from notifyd.deliveries")
    sid = world.twilio.messages[0].sid
    assert ("sent", sid, sid) == tuple(ledger or ())


@pytest.mark.parametrize("action", [Reset(), Refuse(500, 20500), Refuse(502)], ids=repr)
async def test_what_was_not_accepted_is_sent_again(world: World, action: Action) -> None:
    """None in the list when the grace has passed: it is posted once more, never before."""
    world.twilio.script = once(action)
    with world.daemon(email_transport="off", reconcile_grace=GRACE) as daemon:
        job = await world.insert("sms")
        row = await world.settled(job)
        await daemon.wait_for_event("delivery.absent", job=job)
    assert ("completed", 2) == (row["status"], row["attempts"])
    assert (2, 1) == (world.twilio.posts, len(world.twilio.messages))


async def test_the_list_lags(world: World) -> None:
    """A message that shows in the list only after a while is found then; nothing is posted meanwhile."""
    world.twilio.script = once(Reset(accept=True))
    world.twilio.list_lag = 2.5
    with world.daemon(email_transport="off", reconcile_grace=30) as daemon:
        job = await world.insert("sms")
        await daemon.wait_for_event("delivery.undecided", job=job)
        assert "completed" == (await world.settled(job))["status"]
    assert (1, 1) == (world.twilio.posts, len(world.twilio.messages))
    assert world.twilio.lists <= 5


async def test_the_last_attempt(world: World) -> None:
    """An SMS in doubt whose attempts are used up is asked for all the same: found is completed, absent is failed."""
    with world.daemon(email_transport="off", reconcile_grace=GRACE):
        world.twilio.script = lambda attempt: Reset(accept=attempt.to.endswith("1"))
        there, absent = "+14155550101", "+14155550102"
        data = [{"clientPhone": number} for number in (there, absent)]
        jobs = [await world.insert("sms", max_attempts=1, payload=payload("sms", **facts)) for facts in data]
        rows = [await world.settled(job) for job in jobs]
    assert [("completed", 1), ("failed", 1)] == [(row["status"], row["attempts"]) for row in rows]
    assert "attempts used up (1 of 1); sms: the provider does not have it" == rows[1]["error"]
    assert [there] == [message.to for message in world.twilio.messages]


async def test_one_message_proves_one_job(world: World) -> None:
    """Two jobs with the same text to the same number, one accepted and one lost: two messages in the end, no more."""
    world.twilio.script = lambda attempt: Reset(accept=attempt.count == 1) if attempt.count <= 2 else None
    with world.daemon(email_transport="off", reconcile_grace=GRACE):
        jobs = [await world.insert("sms"), await world.insert("sms")]
        assert ["completed"] * 2 == [(await world.settled(job))["status"] for job in jobs]
    assert (3, 2) == (world.twilio.posts, len(world.twilio.messages))
    sids = await world.booking.fetch("select provider_id from notifyd.deliveries")
    assert {message.sid for message in world.twilio.messages} == {row["provider_id"] for row in sids}


async def test_more_than_one_is_an_alarm(world: World) -> None:
    """If Twilio has two messages for one delivery, it counts as sent, and the log says so loudly."""
    world.twilio.script = once(Reset(accept=True))
    world.twilio.on_message = lambda message: world.twilio.messages.append(replace(message, sid="SM" + "2" * 32))
    with world.daemon(email_transport="off") as daemon:
        job = await world.insert("sms")
        assert "completed" == (await world.settled(job))["status"]
        assert "error" == (await daemon.wait_for_event("delivery.doubled", job=job))["level"]


async def test_who_cannot_be_asked_is_asked_again(world: World) -> None:
    """A list that fails, by whatever cause, proves nothing: the doubt stays, and is cleared when it answers."""
    world.twilio.script = once(Reset(accept=True))
    failures: list[Refuse | Stall] = [Refuse(500), Refuse(429, 20429, retry_after="1"), Stall()]
    world.twilio.list_script = lambda number: failures[number - 1] if number <= len(failures) else None
    with world.daemon(email_transport="off", twilio_timeout=1, reconcile_grace=GRACE) as daemon:
        job = await world.insert("sms")
        row = await world.settled(job)
        assert 3 == len(daemon.events("inquiry.failed", job=job))
    assert ("completed", 1) == (row["status"], row["attempts"])
    assert (1, 1) == (world.twilio.posts, len(world.twilio.messages))


async def test_parked(world: World) -> None:
    """With `park` the job is held for a person, and nobody is asked."""
    world.twilio.script = once(Reset(accept=True))
    with world.daemon(email_transport="off", unknown_sms="park"):
        row = await world.settled(await world.insert("sms"))
    assert ("held", 1, 0) == (row["status"], world.twilio.posts, world.twilio.lists)


async def test_resent(world: World) -> None:
    """With `resend` it is posted again without a question: the client gets it twice, as the operator chose."""
    world.twilio.script = once(Reset(accept=True))
    with world.daemon(email_transport="off", unknown_sms="resend", retry_base=0.2):
        assert "completed" == (await world.settled(await world.insert("sms")))["status"]
    assert (2, 2, 0) == (world.twilio.posts, len(world.twilio.messages), world.twilio.lists)


async def test_a_cancelled_job_is_not_asked_for(world: World) -> None:
    """A job that is called off while its SMS is in doubt is not touched any more."""
    world.twilio.script = once(Reset())
    with world.daemon(email_transport="off", reconcile_grace=GRACE) as daemon:
        job = await world.insert("sms")
        await daemon.wait_for_event("job.scheduled", job=job)
        await world.booking.execute("update notification_jobs set status = 'cancelled'")
        other = await world.insert("sms")
        assert "completed" == (await world.settled(other))["status"]
    assert "cancelled" == (await world.row(job))["status"]
    assert 2 == world.twilio.posts


@pytest.mark.parametrize(
    "mishaps", [ACCEPTED, [*ACCEPTED, Reset(), Refuse(500, 20500), None, None]], ids=["all", "some"]
)
async def test_an_unreliable_provider(world: World, mishaps: list[Action | None]) -> None:
    """Twilio accepts and then resets, hangs or fails, at random or always, and its list lags: one message a job."""
    world.twilio.list_lag = 3.0
    world.twilio.script = lambda attempt: mishaps[crc32(f"{attempt.to} {attempt.count}".encode()) % len(mishaps)]
    await world.insert_many(JOBS, "sms")
    await world.booking.execute("update notification_jobs set max_attempts = 20")
    with world.daemon(email_transport="off", twilio_timeout=1, reconcile_grace=5, retry_base=0.2) as daemon:
        assert {"completed": JOBS} == await world.all_settled(300)
        assert daemon.events("delivery.found")
        assert (None in mishaps) == bool(daemon.events("delivery.absent"))
    assert (JOBS, {1}) == (len(world.twilio.messages), set(Counter(sms.to for sms in world.twilio.messages).values()))
    sids = await world.booking.fetch("select provider_id from notifyd.deliveries where state = 'sent'")
    assert {message.sid for message in world.twilio.messages} == {row["provider_id"] for row in sids}


async def test_a_stop_while_asking(world: World) -> None:
    """SIGTERM during an inquiry: the job goes back unspent, and the next daemon asks again."""
    world.twilio.script = once(Reset(accept=True))
    world.twilio.list_script = lambda number: Stall() if number == 1 else None
    with world.daemon(email_transport="off", grace=0.2) as daemon:
        job = await world.insert("sms")
        await until(lambda: world.twilio.lists, hint=daemon.tail)
        assert 0 == await daemon.terminate()
    assert ("pending", 1) == ((await world.row(job))["status"], (await world.row(job))["attempts"])
    with world.daemon(email_transport="off"):
        assert "completed" == (await world.settled(job))["status"]
    assert 1 == world.twilio.posts
