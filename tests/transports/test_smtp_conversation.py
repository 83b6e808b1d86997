"""E-mail over a real conversation that breaks at every place where it can."""

from dataclasses import replace

import anyio
import pytest

from notifyd.demo.mail_sink import Action, Drop, MailSink, Stall
from notifyd.model.outcome import Failure, Paused, Permanent, Retryable, SendError, Sent, Suppress, Unknown
from support.waiting import until
from transports.sending import EMAIL, KEY, SENDER, email, outcome, smtp

LOST = "connection lost"
AFTER_THE_DOT = "after the final dot: it may have been accepted"


async def test_one_mail_arrives(sink: MailSink) -> None:
    """What was composed is what arrives, once, and the receipt names the server's queue id."""
    async with smtp(sink) as transport:
        receipt = await transport.send(EMAIL)
    (mail,) = sink.mails
    assert receipt.provider_id == f"2.0.0 Ok: queued as {mail.queue_id}"
    assert (SENDER, (EMAIL.to,)) == (mail.envelope_from, mail.envelope_to)
    assert f"<{KEY}.email@salons.example>" == mail.message_id == mail.message["Message-ID"]


@pytest.mark.parametrize(
    ("command", "action", "expected"),
    [
        ("connect", Drop(), Paused("the mail server could not be reached, or hung up on us")),
        ("connect", "421 4.3.2 closing", Paused("421 4.3.2 mail server is not accepting messages")),
        ("connect", "554 no", Paused("554 mail server refuses our session", loud=True)),
        ("ehlo", Drop(), Paused("the mail server could not be reached, or hung up on us")),
        ("mail", "421 4.7.0 slow", Paused("421 4.7.0 mail server is busy")),
        ("mail", Drop(), Retryable(f"{LOST} at MAIL", suspicious=True)),
        ("rcpt", "450 4.2.0 greylisted", Retryable("450 4.2.0 mailbox is not available", retry_after=60)),
        ("rcpt", "550 5.1.1 <ada@client.example> unknown", Suppress("550 5.1.1 mailbox does not exist")),
        ("rcpt", Drop(), Retryable(f"{LOST} at RCPT", suspicious=True)),
        ("data", "554 5.7.1 no", Permanent("554 5.7.1 delivery is not authorised", suspicious=True)),
        ("data", "250 what", Retryable("reply that is not SMTP at DATA", suspicious=True)),
        ("data", Drop(), Retryable(f"{LOST} at DATA", suspicious=True)),
        ("dot", "552 5.2.2 full", Retryable("552 5.2.2 mailbox is full", retry_after=3600)),
        ("dot", "421 4.3.2 closing", Paused("421 4.3.2 mail server is not accepting messages")),
        ("dot", Drop(), Unknown(f"{LOST} {AFTER_THE_DOT}")),
        ("dot", Drop(accept=True), Unknown(f"{LOST} {AFTER_THE_DOT}")),
        ("dot", "what", Unknown(f"reply that is not SMTP {AFTER_THE_DOT}")),
    ],
)
async def test_each_phase(sink: MailSink, command: str, action: Action, expected: Failure) -> None:
    """Before the final dot surely not accepted, after it unknown; and the next message is clean."""
    async with smtp(sink) as transport:
        sink.script = {command: action}
        assert expected == await outcome(transport, EMAIL)
        arrived = len(sink.mails)
        assert arrived == (action == Drop(accept=True))
        sink.script = None
        assert isinstance(await outcome(transport, EMAIL), Sent)
    assert arrived + 1 == len(sink.mails)
    assert EMAIL.text.strip() == sink.mails[-1].message.get_body(("plain",)).get_content().strip()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("connect", Paused("the mail server did not answer in time")),
        ("ehlo", Paused("the mail server did not answer in time")),
        ("mail", Retryable("time-out at MAIL", suspicious=True)),
        ("rcpt", Retryable("time-out at RCPT", suspicious=True)),
        ("data", Retryable("time-out at DATA", suspicious=True)),
        ("dot", Unknown(f"time-out {AFTER_THE_DOT}")),
    ],
)
async def test_time_out_in_each_phase(sink: MailSink, command: str, expected: Failure) -> None:
    """A server that says nothing is waited for no longer than configured."""
    sink.script = {command: Stall()}
    async with smtp(sink, timeout=0.2, final_timeout=0.2) as transport:
        with anyio.fail_after(2):
            assert expected == await outcome(transport, EMAIL)


async def test_slow_final_dot_is_sent(sink: MailSink) -> None:
    """The reply to the final dot has a limit of its own: a slow yes is a yes, not a duplicate."""
    sink.script = {"dot": Stall(0.5)}
    async with smtp(sink, timeout=0.2) as transport:
        assert isinstance(await outcome(transport, EMAIL), Sent)
    assert 1 == len(sink.mails)


async def test_nobody_listens(sink: MailSink) -> None:
    """A refused connection is no job's fault, and all is well as soon as somebody listens again."""
    await sink.stop_listening()
    async with smtp(sink) as transport:
        assert Paused("the mail server refused the connection") == await outcome(transport, EMAIL)
        await sink.start_listening()
        assert isinstance(await outcome(transport, EMAIL), Sent)


async def test_unknown_host() -> None:
    """A name that cannot be resolved is no job's fault either."""
    async with smtp(MailSink(port=25), host="mail.invalid") as transport:
        assert Paused("the mail server has a name that could not be resolved") == await outcome(transport, EMAIL)


@pytest.mark.parametrize("command", ["mail", "rcpt", "data", "dot"])
async def test_cancelled_send_poisons_nothing(sink: MailSink, command: str) -> None:
    """A cancelled send closes its connection, and the next message goes over a new one, whole and alone."""
    reached = anyio.Event()

    def stall_once(seen: str, _argument: str, count: int) -> Action | None:
        if seen == command and count == 2:
            reached.set()
            return Stall()
        return None

    async with smtp(sink, connections=1) as transport:
        await transport.send(EMAIL)
        sink.script = stall_once
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.send, email(key="1" * 32))
            await reached.wait()
            tasks.cancel_scope.cancel()
        await until(lambda: sink.open_connections == 0)
        await transport.send(email(key="2" * 32))
    assert [1, 2] == [mail.connection for mail in sink.mails]
    assert [KEY, "2" * 32] == [mail.message_id[1:33] for mail in sink.mails]


async def test_refusal_leaves_the_connection_clean(sink: MailSink) -> None:
    """After a complete no the same connection carries the next message, with nothing of the first one in it."""
    async with smtp(sink, connections=1) as transport:
        sink.script = {"rcpt": "550 5.1.1 unknown"}
        assert isinstance(await outcome(transport, EMAIL), Suppress)
        sink.script = None
        await transport.send(email(to="bob@client.example"))
    assert 1 == sink.connections
    assert ("bob@client.example",) == sink.mails[0].envelope_to


async def test_goodbye_changes_nothing(sink: MailSink) -> None:
    """A server that breaks at QUIT does not turn a sent message into anything else, nor hold up the end."""
    sink.script = {"quit": Stall()}
    with anyio.fail_after(3):
        async with smtp(sink) as transport:
            assert isinstance(await outcome(transport, EMAIL), Sent)
    assert 1 == sink.commands["quit"]


async def test_attempts_share_the_message_id(sink: MailSink) -> None:
    """A message sent again after an unknown outcome can be recognised as the same."""
    async with smtp(sink) as transport:
        sink.script = {"dot": Drop(accept=True)}
        assert isinstance(await outcome(transport, EMAIL), Unknown)
        sink.script = None
        await transport.send(replace(EMAIL, subject="Another wording"))
    first, second = sink.mails
    assert first.message_id == second.message_id


async def test_dots_arrive_as_they_were(sink: MailSink) -> None:
    """A line that is or begins with a dot neither ends the message nor loses its dot (RFC 5321, 4.5.2)."""
    text = ".\n..\n.hidden\nend.\n.\n"
    async with smtp(sink) as transport:
        await transport.send(email(text=text))
    plain = sink.mails[0].message.get_body(("plain",))
    assert plain is not None
    assert text.splitlines() == plain.get_content().splitlines()


async def test_address_that_is_none(sink: MailSink) -> None:
    """An address with a line break never reaches the wire, and the reason does not repeat it."""
    async with smtp(sink) as transport:
        with pytest.raises(SendError) as caught:
            await transport.send(email(to="ada@client.example>\r\nRCPT TO:<bob@client.example"))
    assert Permanent("To: not one plain e-mail address") == caught.value.outcome
    assert 0 == sink.connections


async def test_address_beyond_ascii(sink: MailSink) -> None:
    """It is sent where the server offers SMTPUTF8, and permanent where it does not (RFC 6531)."""
    message = email(to="jürgen@client.example")
    async with smtp(sink) as transport:
        assert isinstance(await outcome(transport, message), Sent)
    assert ("jürgen@client.example",) == sink.mails[0].envelope_to
    async with MailSink(smtputf8=False) as old, smtp(old) as transport:
        expected = Permanent("the mail server does not offer SMTPUTF8, which the address needs")
        assert expected == await outcome(transport, message)


async def test_server_text_with_an_address(sink: MailSink) -> None:
    """Neither a reason nor a receipt repeats an address that the server's text holds."""
    async with smtp(sink) as transport:
        sink.script = {"dot": "250 2.0.0 <ada@client.example> queued as 12AB \x07"}
        assert Sent("2.0.0 queued as 12AB") == await outcome(transport, EMAIL)
