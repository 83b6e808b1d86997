"""Delivery receipts from a real Twilio stand-in to a real daemon: the ledger knows what became of each SMS."""

import time
from urllib.parse import urlencode

import aiohttp
import anyio
import asyncpg
import pytest

from notifyd.demo.twilio_callbacks import call_back, form, signed
from notifyd.demo.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, ReceivedSms, Reset
from support.daemon import DaemonProcess
from support.waiting import until
from support.world import World

PUBLIC = "https://notify.example.com/callbacks"


def daemon(world: World, **settings: object) -> DaemonProcess:
    """Describe a daemon that Twilio can reach."""
    return world.daemon(**{"email_transport": "off", "public_url": PUBLIC, **settings})


async def delivery(world: World) -> asyncpg.Record:
    """Return the one delivery."""
    row = await world.booking.fetchrow("select state, receipt, receipt_code, provider_id from notifyd.deliveries")
    assert row is not None
    return row


async def test_delivered(world: World) -> None:
    """What Twilio reports stands in the ledger, and a late word that says less changes nothing."""
    with daemon(world) as running:
        await world.settled(await world.insert("sms"))
        (message,) = world.twilio.messages
        assert message.status_callback is not None
        assert message.status_callback.startswith(f"{PUBLIC}/receipts/twilio?delivery=")
        reach = await running.http()
        for status, expected in (("sent", "accepted"), ("delivered", "delivered"), ("sent", "delivered")):
            assert 204 == await world.twilio.report(message, status, reach=reach)
            assert ("sent", expected, message.sid) == (
                (row := await delivery(world))["state"],
                row["receipt"],
                row["provider_id"],
            )


async def test_unreachable_for_good(world: World) -> None:
    """A 30006 that arrives only here suppresses the number: the next SMS to it is not sent."""
    with daemon(world) as running:
        job = await world.insert("sms")
        await world.settled(job)
        (message,) = world.twilio.messages
        assert 204 == await world.twilio.report(message, "undelivered", 30006, reach=await running.http())
        row = await world.row(job)
        assert ("completed", "sms: not delivered: 30006 number is a landline or unreachable") == (
            row["status"],
            row["error"],
        )
        told = await running.wait_for_event("receipt.undelivered", job=job)
        assert message.to not in str(told)
        after = await world.settled(await world.insert("sms"))
    assert ("failed", "sms: suppressed: 30006 number is a landline or unreachable") == (
        after["status"],
        after["error"],
    )
    assert 1 == world.twilio.posts


async def test_out_of_reach_for_a_while(world: World) -> None:
    """A handset that is off: the message is scheduled once more, and sent when its time has come."""
    with daemon(world, poll_interval=0.2) as running:
        job = await world.insert("sms", max_attempts=1)
        await world.settled(job)
        (message,) = world.twilio.messages
        assert 204 == await world.twilio.report(message, "undelivered", 30003, reach=await running.http())
        assert "scheduled" == (await world.row(job))["status"]
        await world.booking.execute("update notifyd.schedule set due_at = now()")
        await world.twilio.wait_for(2)
        assert ("completed", 1) == ((row := await world.settled(job))["status"], row["attempts"])
        assert 204 == await world.twilio.report(message, "delivered", reach=await running.http())
        await running.wait_for_event("receipt.stray", provider_id=message.sid)
    assert None is (await delivery(world))["receipt"], "the first message's fate is not the second's"


async def test_it_clears_a_doubt(world: World) -> None:
    """A receipt proves an SMS whose answer was lost, before Twilio's list shows it and without a question more."""
    world.twilio.script = lambda attempt: Reset(accept=True) if attempt.count == 1 else None
    world.twilio.list_lag = 3600.0
    with daemon(world, reconcile_grace=60) as running:
        job = await world.insert("sms")
        await running.wait_for_event("delivery.unknown", job=job)
        (message,) = world.twilio.messages
        await until(lambda: running.events("job.scheduled", job=job))
        assert 204 == await world.twilio.report(message, "sent", reach=await running.http())
        assert "completed" == (await world.settled(job))["status"]
    assert (1, message.sid) == (world.twilio.posts, (await delivery(world))["provider_id"])


async def test_it_overtakes_the_answer(world: World) -> None:
    """A receipt that comes before the answer to our POST is kept."""
    reported = anyio.Event()
    with daemon(world) as running:
        reach = await running.http()
        async with anyio.create_task_group() as callbacks:

            async def report(message: ReceivedSms) -> None:
                await world.twilio.report(message, "delivered", reach=reach)
                reported.set()

            def start(message: ReceivedSms) -> None:
                callbacks.start_soon(report, message)

            world.twilio.on_message = start
            await world.settled(await world.insert("sms"))
            await reported.wait()
    assert ("sent", "delivered") == ((row := await delivery(world))["state"], row["receipt"])


def forged(message: ReceivedSms) -> dict[str, tuple[str, bytes, dict[str, str]]]:
    """Return what strangers send: path, body and headers, by a name."""
    assert message.status_callback is not None
    fields = form(ACCOUNT_SID, message, "undelivered", 30006)
    path = message.status_callback.removeprefix(PUBLIC)
    body = urlencode(fields).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    genuine = kind | signed(message.status_callback, fields, AUTH_TOKEN)
    return {
        "no signature": (path, body, kind),
        "not ASCII": (path, body, kind | {"X-Twilio-Signature": "ü" * 28}),
        "another body": (path, body.replace(b"30006", b"30005"), genuine),
        "no such delivery": (f"/receipts/twilio?delivery={'0' * 32}.1", body, genuine),
        "no query": ("/receipts/twilio", body, genuine),
        "NUL": (f"{path}%00", body + b"&x=%00", genuine),
        "not UTF-8": (path, b"\xff\xfe=1", genuine),
        "a thousand fields": (path, b"&".join(b"a=%d" % n for n in range(1000)), genuine),
        "JSON": (path, b'{"MessageStatus": "delivered"}', kind | {"Content-Type": "application/json"}),
        "multipart": (path, b"--x\r\n\r\n", {"Content-Type": "multipart/form-data; boundary=x"}),
        "an odd charset": (path, body, {"Content-Type": "application/x-www-form-urlencoded; charset=no-such"}),
    }


async def test_strangers_learn_nothing(world: World) -> None:
    """Whatever is wrong with a callback, the answer is the same, nothing is written, and no bug is logged."""
    with daemon(world, http_token="secret") as running:
        await world.settled(await world.insert("sms"))
        (message,) = world.twilio.messages
        answers = set()
        async with aiohttp.ClientSession(await running.http()) as session:
            for path, body, headers in forged(message).values():
                async with session.post(path, data=body, headers=headers) as answer:
                    answers.add((answer.status, await answer.text()))
            async with session.post("/receipts/twilio", data=b"x" * 20_000) as answer:
                assert 413 == answer.status
            async with session.get("/receipts/twilio") as answer:
                assert 405 == answer.status
        assert 1 == len(answers)
        assert 403 == answers.pop()[0]
        assert None is (await delivery(world))["receipt"]
        assert not running.events("web.bug")
        assert running.events("receipt.forged")


async def test_not_asked_for(world: World) -> None:
    """Without a public address no receipts are asked for, and nothing answers where they would come in."""
    with daemon(world, public_url=None) as running:
        await world.settled(await world.insert("sms"))
        assert None is world.twilio.messages[0].status_callback
        async with aiohttp.ClientSession(await running.http()) as session, session.post("/receipts/twilio") as answer:
            assert 404 == answer.status


@pytest.mark.parametrize("count", [400])
async def test_a_burst(world: World, count: int) -> None:
    """Hundreds of callbacks at once are all taken and all committed, by far fewer statements."""
    await world.insert_many(count, "sms")
    with daemon(world) as running:
        assert {"completed": count} == await world.all_settled()
        reach = await running.http()
        statuses: set[int] = set()
        began = time.monotonic()
        async with anyio.create_task_group() as callbacks:
            for message in list(world.twilio.messages):
                callbacks.start_soon(one, message, reach, statuses)
        assert {204} == statuses
        assert time.monotonic() - began < 10
    counted = await world.booking.fetch("select receipt, count(*) from notifyd.deliveries group by 1")
    assert [("delivered", count)] == [tuple(row) for row in counted]


async def one(message: ReceivedSms, reach: str, statuses: set[int]) -> None:
    """Report one message as delivered."""
    assert message.status_callback is not None
    fields = form(ACCOUNT_SID, message, "delivered", None)
    headers = signed(message.status_callback, fields, AUTH_TOKEN)
    statuses.add(await call_back(message.status_callback, fields, headers, reach))
