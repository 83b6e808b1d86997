"""The connections kept open: never too many, none too long, and no attempt lost to one that died in its sleep."""

import anyio
import pytest

from notifyd.demo.mail_sink import Action, Drop, MailSink, Stall
from notifyd.model.outcome import Failure, Paused, Retryable, Sent, Unknown
from notifyd.transports import smtp_pool
from support.waiting import until
from transports.sending import EMAIL, email, outcome, smtp


async def test_never_more_connections_than_allowed(sink: MailSink) -> None:
    """Forty messages at once use three connections, and each message arrives once."""
    async with smtp(sink, connections=3) as transport, anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(transport.send, email(key=f"{number:032}"))
    assert 3 == sink.most_open == sink.connections
    assert {f"{number:032}" for number in range(40)} == {mail.message_id[1:33] for mail in sink.mails}
    assert 40 == len(sink.mails)


async def test_connection_is_kept(sink: MailSink) -> None:
    """Messages one after another share a connection, which says QUIT in the end."""
    async with smtp(sink) as transport:
        for _ in range(3):
            await transport.send(EMAIL)
        assert 0 == sink.commands["quit"]
    assert (1, 1, 3) == (sink.connections, sink.commands["quit"], len(sink.mails))


async def test_idle_hang_up_costs_nothing(sink: MailSink) -> None:
    """A relay that closed an idle connection is connected to again, and the message is sent once."""
    async with smtp(sink) as transport:
        await transport.send(EMAIL)
        sink.cut_connections()  # not seen by the client before it writes
        assert isinstance(await outcome(transport, EMAIL), Sent)
        sink.cut_connections()
        await until(lambda: sink.open_connections == 0)  # seen by then
        assert isinstance(await outcome(transport, EMAIL), Sent)
    assert (3, 3) == (len(sink.mails), sink.connections)


async def test_idle_hang_up_with_421(sink: MailSink) -> None:
    """A relay that ends an idle connection with 421 as the answer to MAIL is connected to again."""

    def tired_of_the_first(command: str, _argument: str, count: int) -> Action | None:
        return "421 4.4.2 idle too long" if (command, count) == ("mail", 2) else None

    sink.script = tired_of_the_first
    async with smtp(sink) as transport:
        await transport.send(EMAIL)
        assert isinstance(await outcome(transport, EMAIL), Sent)
    assert 2 == sink.connections


async def test_connection_that_died_silently(sink: MailSink) -> None:
    """A kept connection on which nobody answers any more costs a time-out, not an attempt."""
    sink.script = lambda command, _, count: Stall() if (command, count) == ("mail", 2) else None
    async with smtp(sink, timeout=0.3) as transport:
        await transport.send(EMAIL)
        assert isinstance(await outcome(transport, EMAIL), Sent)
    assert (2, 2) == (sink.connections, len(sink.mails))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("rcpt", Retryable("connection lost at RCPT", suspicious=True)),
        ("data", Retryable("connection lost at DATA", suspicious=True)),
        ("dot", Unknown("connection lost after the final dot: it may have been accepted")),
    ],
)
async def test_nothing_is_repeated_after_mail(sink: MailSink, command: str, expected: Failure) -> None:
    """Once MAIL was taken, a hang-up on a kept connection is an outcome like on any other: no message goes twice."""
    async with smtp(sink) as transport:
        await transport.send(EMAIL)
        sink.script = {command: Drop(accept=True)}
        assert expected == await outcome(transport, EMAIL)
    assert (1, 2) == (sink.connections, sink.commands["mail"])


async def test_connection_that_talks_nonsense_is_closed(sink: MailSink) -> None:
    """After a reply that makes no sense the two ends no longer agree on what comes next."""
    async with smtp(sink) as transport:
        sink.script = {"rcpt": "354 go ahead"}
        assert isinstance(await outcome(transport, EMAIL), Retryable)
        sink.script = None
        await transport.send(EMAIL)
    assert 2 == sink.connections


async def test_reconnects_once_only(sink: MailSink) -> None:
    """A server that says 421 on the new connection too is believed."""
    async with smtp(sink) as transport:
        await transport.send(EMAIL)
        sink.script = {"mail": "421 4.7.0 go away"}
        assert Paused("421 4.7.0 mail server is busy") == await outcome(transport, EMAIL)
    assert (3, 2) == (sink.commands["mail"], sink.connections)


async def test_closed_after_a_hundred_messages(sink: MailSink) -> None:
    """Relays slow down or refuse what comes late on one connection; the 101st message has a new one."""
    async with smtp(sink, connections=1) as transport:
        for _ in range(101):
            await transport.send(EMAIL)
    assert [1] * 100 + [2] == [mail.connection for mail in sink.mails]


async def test_closed_when_idle(sink: MailSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that nobody uses is closed although nobody asks for it."""
    monkeypatch.setattr(smtp_pool, "_IDLE", 0.05)
    async with smtp(sink) as transport:
        await transport.send(EMAIL)
        assert 1 == sink.open_connections
        await until(lambda: sink.open_connections == 0)


async def test_closed_when_old(sink: MailSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy connection is not kept for ever either."""
    async with smtp(sink, connections=1) as transport:
        await transport.send(EMAIL)
        monkeypatch.setattr(smtp_pool, "_AGE", 0.0)
        await transport.send(EMAIL)
    assert [1, 2] == [mail.connection for mail in sink.mails]
