"""The stand-ins as processes of their own, as the benchmarks start them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from notifyd.demo.mail_sink import MailSink
from notifyd.demo.twilio_stand_in import TwilioStandIn
from transports.sending import EMAIL, KEY, SMS, smtp, twilio


class Process:
    """A stand-in that writes lines of JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def line(self) -> dict[str, Any]:
        """Return the next line."""
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def running(module: str) -> Iterator[Process]:
    """Start a stand-in, and end it."""
    with subprocess.Popen([sys.executable, "-m", module, "--out", "-"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Process(process)
        finally:
            process.terminate()


async def test_mail_sink_as_a_process() -> None:
    """It tells its port, and what it got, as lines of JSON."""
    with running("notifyd.demo.mail_sink") as process:
        async with smtp(MailSink(port=process.line()["port"])) as transport:
            receipt = await transport.send(EMAIL)
        line = process.line()
    assert (f"<{KEY}.email@salons.example>", [EMAIL.to]) == (line["message_id"], line["to"])
    assert receipt.provider_id.endswith(line["queue_id"])


async def test_twilio_stand_in_as_a_process() -> None:
    """It tells its address and credentials, and what it got, as lines of JSON."""
    with running("notifyd.demo.twilio_stand_in") as process:
        told = process.line()
        stand_in = TwilioStandIn(port=told["port"], account_sid=told["account_sid"], auth_token=told["auth_token"])
        async with twilio(stand_in) as transport:
            receipt = await transport.send(SMS)
        line = process.line()
    assert (receipt.provider_id, SMS.to, SMS.body) == (line["sid"], line["to"], line["body"])


async def test_messages_can_be_asked_for(stand_in: TwilioStandIn) -> None:
    """The SDK lists messages by number and fetches one by its SID, as reconciliation will."""
    async with twilio(stand_in) as transport:
        receipt = await transport.send(SMS)
        listed = await transport._client.messages.list_async(to=SMS.to, limit=5)
        nobody = await transport._client.messages.list_async(to="+4930000000", limit=5)
        fetched = await transport._client.messages(receipt.provider_id).fetch_async()
    assert ([receipt.provider_id], []) == ([message.sid for message in listed], nobody)
    assert ("queued", SMS.body) == (fetched.status, fetched.body)


@pytest.mark.parametrize("count", [0, 1])
async def test_waiting_for_mail_ends(sink: MailSink, count: int) -> None:
    """What was waited for in vain is an error after the time given, not a hang."""
    if count == 0:
        assert [] == await sink.wait_for(count, within=0.05)
    else:
        with pytest.raises(TimeoutError):
            await sink.wait_for(count, within=0.05)
