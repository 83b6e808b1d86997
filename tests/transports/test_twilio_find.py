"""Asking Twilio for a message: recognised by recipient, sender, text and time, over any number of pages."""

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.demo.twilio_stand_in import ReceivedSms, Refuse, Reset, Stall, TwilioStandIn
from notifyd.model.job import Trace
from notifyd.model.message import Sms
from notifyd.model.outcome import Failure, Paused, Retryable, SendError
from notifyd.model.unknown import fingerprint
from transports.sending import SMS, twilio

SENDER = "+15005550006"
TRACE = Trace(SMS.to, SENDER, SMS.fingerprint, timedelta(seconds=5))


async def sids(stand_in: TwilioStandIn, trace: Trace = TRACE) -> tuple[str, ...]:
    """Ask once."""
    async with twilio(stand_in) as transport:
        return await transport.find(trace)


async def sent(stand_in: TwilioStandIn, *messages: Sms, sender: str = SENDER) -> list[str]:
    """Send, and return the SIDs in this order."""
    async with twilio(stand_in, sender=sender) as transport:
        return [(await transport.send(message)).provider_id for message in messages]


async def test_found(stand_in: TwilioStandIn) -> None:
    """The message that was sent is found, and nothing that differs in recipient or text; oldest first."""
    others = replace(SMS, to="+4915112345679"), replace(SMS, body="See you on Saturday.")
    first, _, _, last = await sent(stand_in, SMS, *others, SMS)
    assert (first, last) == await sids(stand_in)


async def test_another_sender(stand_in: TwilioStandIn) -> None:
    """The same text from another number of the account is another message."""
    await sent(stand_in, SMS, sender="+15005550009")
    assert () == await sids(stand_in)


async def test_a_messaging_service(stand_in: TwilioStandIn) -> None:
    """A service has not chosen its number while a message is queued: it is recognised by the service."""
    service = "MG" + "7" * 32
    (sid,) = await sent(stand_in, SMS, sender=service)
    assert (sid,) == await sids(stand_in, replace(TRACE, sender=service))
    assert () == await sids(stand_in)


async def test_many_pages(stand_in: TwilioStandIn) -> None:
    """A client with hundreds of messages since: the one is found behind all of them."""
    (sid,) = await sent(stand_in, SMS)
    kept = stand_in.messages[0]
    stand_in.messages.extend(replace(kept, sid=f"SM{n:032x}", body=f"Another {n}") for n in range(350))
    assert (sid,) == await sids(stand_in)
    assert 4 == stand_in.lists


async def test_older_than_the_intent(stand_in: TwilioStandIn) -> None:
    """The same text from before the intent is no proof, and older pages are not asked for."""
    (sid,) = await sent(stand_in, SMS)
    kept = stand_in.messages.pop()
    yesterday = older(kept, timedelta(days=1))
    stand_in.messages.extend(replace(yesterday, sid=f"SM{n:032x}") for n in range(350))
    stand_in.messages.append(kept)
    assert (sid,) == await sids(stand_in)
    assert 2 == stand_in.lists
    assert 351 == len(await sids(stand_in, replace(TRACE, age=timedelta(days=2))))


def older(message: ReceivedSms, age: timedelta) -> ReceivedSms:
    """Return the message as it would be if it had been created so long before."""
    return replace(message, created=format_datetime(parsedate_to_datetime(message.created) - age))


@pytest.mark.parametrize(
    "body",
    [
        "Sent from your Twilio trial account - See you on Friday.",
        "See you on Friday…",
        "See  you\non “Friday”.",
    ],
)
async def test_what_providers_change(stand_in: TwilioStandIn, body: str) -> None:
    """A trial account's prefix and other punctuation do not hide a message."""
    (sid,) = await sent(stand_in, replace(SMS, body=body))
    assert (sid,) == await sids(stand_in)


async def test_the_list_lags(stand_in: TwilioStandIn) -> None:
    """What does not show yet is not found."""
    stand_in.list_lag = 3600
    await sent(stand_in, SMS)
    assert () == await sids(stand_in)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Refuse(500), Retryable("Twilio could not be asked: HTTP 500")),
        (Refuse(400, 20001), Retryable("Twilio could not be asked: HTTP 400")),
        (Refuse(429, 20429, retry_after="9"), Paused("HTTP 429 too many requests", retry_after=9.0)),
        (Refuse(401, 20003), Paused("HTTP 401 Twilio does not let us in", loud=True)),
        (Reset(), Retryable("Twilio could not be asked: no list came")),
        (Stall(), Retryable("Twilio could not be asked: no answer in time")),
    ],
    ids=repr,
)
async def test_no_list(stand_in: TwilioStandIn, answer: Refuse | Reset | Stall, expected: Failure) -> None:
    """Whatever comes instead of a list proves nothing, and says whether the channel must wait."""
    stand_in.list_script = lambda _: answer
    async with twilio(stand_in, timeout=1) as transport:
        with pytest.raises(SendError) as raised:
            await transport.find(TRACE)
    assert expected == raised.value.outcome


WORDS = st.lists(st.text("abcXYZ019äß", min_size=1, max_size=5), min_size=1, max_size=5)


@given(WORDS, st.sampled_from([" ", "  ", " - ", ", ", "\n", " — ", "… "]))
def test_punctuation_does_not_count(words: list[str], between: str) -> None:
    """What stands between the words is nothing that a text is recognised by."""
    assert fingerprint("".join(words)) == fingerprint(between.join(words))


@given(WORDS, WORDS)
def test_words_count(one: list[str], other: list[str]) -> None:
    """Texts of other letters and digits are told apart."""
    same = "".join(one).casefold() == "".join(other).casefold()
    assert same == (fingerprint("".join(one)) == fingerprint("".join(other)))


@given(st.text())
def test_any_text_has_a_fingerprint(text: str) -> None:
    """No text is too odd."""
    assert 32 == len(fingerprint(text))
