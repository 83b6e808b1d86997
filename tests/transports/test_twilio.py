"""SMS through the real SDK, over real HTTP, to a Twilio that misbehaves."""

from dataclasses import replace

import anyio
import pytest

from notifyd.demo.twilio_stand_in import Action, Attempt, Garble, Refuse, Reset, Stall, TwilioStandIn
from notifyd.model.outcome import Failure, Paused, Permanent, Sent, Suppress, Unknown
from support.waiting import until
from transports.sending import SMS, outcome, twilio

NAMELESS = Unknown("Twilio said yes with an answer that names no message")
LOST = Unknown("connection lost before the answer: Twilio may have taken the message")
LATE = Unknown("no answer in time: Twilio may have taken the message")


async def test_one_sms_arrives(stand_in: TwilioStandIn) -> None:
    """What was given is what arrives, once, and the receipt is Twilio's SID."""
    async with twilio(stand_in) as transport:
        receipt = await transport.send(SMS)
    (message,) = stand_in.messages
    assert receipt.provider_id == message.sid
    assert (SMS.to, SMS.body, "+15005550006") == (message.to, message.body, message.sender)


async def test_messaging_service(stand_in: TwilioStandIn) -> None:
    """A sender that is a service's SID goes where Twilio expects one."""
    service = "MG" + "7" * 32
    async with twilio(stand_in, sender=service) as transport:
        assert isinstance(await outcome(transport, SMS), Sent)
        assert service == transport.sender == stand_in.messages[0].sender


@pytest.mark.parametrize(
    ("action", "taken", "expected"),
    [
        (Refuse(429, 20429, retry_after="17"), 0, Paused("20429 too many requests at once", retry_after=17)),
        (Refuse(400, 21610, "…+4915112345678…"), 0, Suppress("21610 recipient has unsubscribed with STOP")),
        (Refuse(400), 0, Permanent("HTTP 400 message refused")),
        (Refuse(500, 20500), 0, Unknown("HTTP 500: Twilio may have taken the message")),
        (Refuse(503), 0, Unknown("HTTP 503: Twilio may have taken the message")),
        (Reset(), 0, LOST),
        (Reset(accept=True), 1, LOST),
        (Garble(), 1, NAMELESS),
        (Garble("[]"), 1, NAMELESS),
        (Garble("{}"), 1, NAMELESS),
        (Garble("null"), 1, NAMELESS),
        (Garble(""), 1, NAMELESS),
    ],
)
async def test_one_post_whatever_happens(
    stand_in: TwilioStandIn, action: Action, taken: int, expected: Failure
) -> None:
    """Each answer comes to what the table says, after one POST, never a second."""
    stand_in.script = lambda _: action
    async with twilio(stand_in) as transport:
        assert expected == await outcome(transport, SMS)
    assert (1, taken) == (stand_in.posts, len(stand_in.messages))


async def test_one_post_on_a_kept_connection(stand_in: TwilioStandIn) -> None:
    """No second POST either where the connection had been used before: HTTP clients like to repeat there."""
    async with twilio(stand_in, connections=1) as transport:
        await transport.send(SMS)
        stand_in.script = lambda _: Reset(accept=True)
        assert LOST == await outcome(transport, SMS)
    assert (2, 2) == (stand_in.posts, len(stand_in.messages))


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("+15005550001", Suppress("21211 not a valid phone number")),
        ("+15005550002", Permanent("21612 sender cannot reach this number", loud=True, suspicious=True)),
        ("+15005550003", Permanent("21408 account may not send to this region", loud=True, suspicious=True)),
        ("+15005550004", Suppress("21610 recipient has unsubscribed with STOP")),
        ("+15005550009", Suppress("21614 not a mobile number")),
    ],
)
async def test_magic_numbers(stand_in: TwilioStandIn, to: str, expected: Failure) -> None:
    """Twilio's test numbers come to what Twilio's pages say of them."""
    async with twilio(stand_in) as transport:
        assert expected == await outcome(transport, replace(SMS, to=to, body="x"))


async def test_time_out_is_real(stand_in: TwilioStandIn) -> None:
    """A Twilio that says nothing is waited for as long as configured; the message may be taken, and here it is."""
    stand_in.script = lambda _: Stall()
    async with twilio(stand_in, timeout=1) as transport:
        with anyio.fail_after(1.8):
            assert LATE == await outcome(transport, SMS)
    assert 1 == len(stand_in.messages)


async def test_cancelled_send_leaves_the_client_sound(stand_in: TwilioStandIn) -> None:
    """A cancelled send gives its connection up, and the next message goes through."""
    stand_in.script = lambda attempt: Stall() if attempt.count == 1 else None
    async with twilio(stand_in, connections=1) as transport:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.send, SMS)
            await stand_in.wait_for(1)
            tasks.cancel_scope.cancel()
        assert isinstance(await outcome(transport, SMS), Sent)


async def test_nobody_listens(stand_in: TwilioStandIn) -> None:
    """A refused connection is no job's fault, and all is well as soon as somebody listens again."""
    await stand_in.stop_listening()
    async with twilio(stand_in) as transport:
        assert Paused("Twilio could not be reached") == await outcome(transport, SMS)
        await stand_in.start_listening()
        assert isinstance(await outcome(transport, SMS), Sent)


async def test_environment_is_not_read(stand_in: TwilioStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the SDK would take from the process's environment sends nothing elsewhere: the settings alone count."""
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    async with twilio(stand_in) as transport:
        assert isinstance(await outcome(transport, SMS), Sent)


async def test_wrong_token(stand_in: TwilioStandIn) -> None:
    """Credentials that Twilio does not know pause the channel and call for the operator; no token is shown."""
    async with twilio(stand_in, auth_token="wrong-token") as transport:
        assert Paused("20003 credentials are not valid", loud=True) == await outcome(transport, SMS)
        assert "wrong-token" not in repr(transport._config)
    assert 0 == len(stand_in.messages)


async def test_each_task_has_its_own_headers(stand_in: TwilioStandIn) -> None:
    """The Retry-After of one message does not end up with another that is under way at the same time."""

    def by_number(attempt: Attempt) -> Action:
        return Refuse(429, 20429, retry_after=attempt.body)

    stand_in.script = by_number
    found: dict[int, Failure] = {}

    async def send(number: int) -> None:
        result = await outcome(transport, replace(SMS, body=str(number)))
        assert isinstance(result, Paused)
        found[number] = result

    async with twilio(stand_in) as transport, anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(send, number)
    assert {number: float(number) for number in range(20)} == {n: r.retry_after for n, r in found.items()}  # type: ignore[union-attr]


async def test_never_more_connections_than_allowed(stand_in: TwilioStandIn) -> None:
    """Many messages at once are sent at once, on as many connections as allowed."""
    stand_in.script = lambda _: Stall(0.05)
    async with twilio(stand_in, connections=3) as transport, anyio.create_task_group() as tasks:
        for _ in range(9):
            tasks.start_soon(transport.send, SMS)
        await until(lambda: stand_in.most_at_once == 3)
    assert (3, 9) == (stand_in.most_at_once, len(stand_in.messages))
