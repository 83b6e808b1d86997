"""Bounces as mail servers write them become receipts; other mail is no bounce."""

from binascii import b2a_base64

import pytest

from notifyd.model.bounce import LARGEST, parse
from notifyd.model.job import Channel
from notifyd.model.mail_parts import DEEPEST
from notifyd.model.receipt import Receipt, ReceiptState
from support.bounces import ASHA, BOUNCES, KEY, postfix, read, refusal

ACCEPTED, UNDELIVERED, DELIVERED = ReceiptState.ACCEPTED, ReceiptState.UNDELIVERED, ReceiptState.DELIVERED


def receipt(state: ReceiptState, code: str | None, reason: str | None, recipient: str = ASHA) -> Receipt:
    """Return the receipt of an e-mail whose recipient is still written to."""
    return Receipt(KEY, Channel.EMAIL, state, code=code, reason=reason, recipient=recipient)


def gone(code: str, words: str, recipient: str = ASHA) -> Receipt:
    """Return the receipt that suppresses."""
    reason = f"{code} {words}"
    return Receipt(KEY, Channel.EMAIL, UNDELIVERED, code=code, reason=reason, suppress=True, recipient=recipient)


REPORTS: dict[str, tuple[Receipt, ...]] = {
    "postfix_unknown_user": (gone("5.1.1", "mailbox does not exist"),),
    "postfix_mailbox_full": (receipt(UNDELIVERED, "5.2.2", "5.2.2 mailbox is full"),),
    "postfix_delayed": (receipt(ACCEPTED, None, None),),
    "postfix_expired": (receipt(UNDELIVERED, "4.4.1", "4.4.1 no answer from the recipient's server"),),
    "postfix_delivered": (receipt(DELIVERED, None, None),),
    "postfix_relayed": (receipt(ACCEPTED, None, None),),
    "postfix_forwarded": (
        receipt(UNDELIVERED, "5.1.1", "5.1.1 mailbox does not exist, where it was forwarded to"),
        gone("5.1.1", "mailbox does not exist", "asha.rao@provider.example"),
    ),
    "exim": (gone("5.1.1", "mailbox does not exist"),),
    "exim_vague": (receipt(UNDELIVERED, "5.0.0", "5.0.0 it came back"),),
    "sendmail": (gone("5.1.2", "domain does not exist", "asha@nowhere.example.com"),),
    "office365": (gone("5.1.10", "domain accepts no mail"),),
    "gmail": (gone("5.1.1", "mailbox does not exist"),),
    "amazon_ses": (gone("5.1.1", "mailbox does not exist"),),
    "qmail": (gone("5.1.1", "mailbox does not exist"),),
    "qmail_local": (gone("5.1.1", "mailbox does not exist"),),
}

OTHERS = {
    "no_vacation": "it is no delivery report",
    "no_reply": "it is no delivery report",
    "no_read_receipt": "it is no delivery report",
    "no_forwarded_bounce": "it is no delivery report",
    "no_spam": "it is no delivery report",
    "no_other_senders_bounce": "it is about no e-mail of ours: no Message-ID in it has the form of ours",
}


@pytest.mark.parametrize("name", [path.stem for path in sorted(BOUNCES.glob("*.eml"))])
def test_corpus(name: str) -> None:
    """Each message of the corpus comes to what is said of it here, with either kind of line ends."""
    for message in (read(name), read(name).replace(b"\n", b"\r\n")):
        if name in OTHERS:
            assert OTHERS[name] == refusal(message)
        else:
            assert set(REPORTS[name]) == set(parse(message))


@pytest.mark.parametrize("code", ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"])
def test_hard_bounces_suppress(code: str) -> None:
    """The codes that say that nobody is there suppress, in the field or in the reply beside a vague field."""
    said = postfix(status=f"Status: {code}\n")
    beside = postfix(status="Status: 5.0.0 (undefined)\n", diagnosis=f"Diagnostic-Code: smtp; 550-{code} Nobody here")
    assert [(code, True), (code, True)] == [(found.code, found.suppress) for found in parse(said) + parse(beside)]


@pytest.mark.parametrize("code", ["5.1.0", "5.1.7", "5.1.11", "5.1.100", "5.2.1", "5.2.2", "5.7.1", "4.1.1", "4.4.7"])
def test_other_bounces_do_not(code: str) -> None:
    """Full, refused by policy, a problem of ours, given up after days: undelivered, and written to again."""
    (found,) = parse(postfix(status=f"Status: {code}\n"))
    assert (UNDELIVERED, code, False) == (found.state, found.code, found.suppress)
    assert found.reason
    assert found.reason.startswith(code)


@pytest.mark.parametrize(
    ("field", "reply", "code"),
    [
        ("Status: 5.0.0", "smtp; 550 5.7.1 no", "5.7.1"),
        ("Status: 5.0.0", "smtp; 450 4.1.1 later", "5.0.0"),
        ("Status: 4.0.0", "smtp; 550 5.1.1 no", "4.0.0"),
        ("Status: 5.2.2", "smtp; 550 5.1.1 no", "5.2.2"),
        ("Status: 5.0.0", "smtp; 550 #5.1.1 no", "5.1.1"),
        ("Status: 5.0.0", "smtp; 550 host 10.5.1.1 said no", "5.0.0"),
        ("X-Status: none", "smtp; 550 5.1.1 no", "5.1.1"),
        ("X-Status: none", "x-unix; no such user", None),
        ("Status: 55.1.1", "smtp; no", None),
    ],
)
def test_which_status_counts(field: str, reply: str, code: str | None) -> None:
    """The field counts; the reply does where the field is vague or missing, and never against the field's class."""
    (found,) = parse(postfix(status=f"{field}\n", diagnosis=f"Diagnostic-Code: {reply}"))
    assert code == found.code
    assert (code == "5.1.1") == found.suppress


@pytest.mark.parametrize(
    "message_id",
    [
        f"Message-Id:\n <{KEY}.email@salon.example>",
        f"Message-ID: <{KEY[:20]}\n\t{KEY[20:]}.email@salon.example>",
        f"MESSAGE-ID: <{KEY.upper()}.EMAIL@SALON.EXAMPLE>",
        f"Message-ID: [{KEY}.email@salon.example]",
        f"Message-ID: &lt;{KEY}.email@salon.example&gt;",
        f"Message-ID: {KEY}.email@salon.example",
        f'Message-ID: <"{KEY}.email"@salon.example> <{KEY}.email@salon.example>',
    ],
)
def test_message_id(message_id: str) -> None:
    """Folded, in capitals, or in brackets that a gateway has changed: it is recognised."""
    assert (gone("5.1.1", "mailbox does not exist"),) == parse(postfix(message_id=message_id, boundary="boundary=x"))


@pytest.mark.parametrize(
    "message_id", [f"<0{KEY}.email@x>", f"<{KEY[1:]}.email@x>", f"<{KEY}.sms@x>", f"<{KEY}@x>", ""]
)
def test_other_message_ids(message_id: str) -> None:
    """An id that is nearly ours is not ours."""
    assert "no Message-ID" in refusal(postfix(message_id=f"Message-ID: {message_id}", boundary="boundary=x"))


def test_nothing_returned() -> None:
    """Where the e-mail did not come back, the report's own In-Reply-To or References say which it was."""
    for field in ("In-Reply-To", "References"):
        named = f"{field}: <other@salon.example>\n <{KEY}.email@salon.example>\n".encode()
        message = postfix(returned_type="Content-Type: text/plain\n")
        assert "no Message-ID" in refusal(message)
        assert (gone("5.1.1", "mailbox does not exist"),) == parse(named + message)


def test_recipients() -> None:
    """Whom the report names is asked for, in lower case; where it names nobody, whom our own e-mail was to."""
    nobody = {"final": "Final-Recipient: x400; C=IN", "original": "X-Nothing: here"}
    assert (gone("5.1.1", "mailbox does not exist"),) == parse(
        postfix(final="Final-Recipient: RFC822; <ASHA@Example.COM>")
    )
    assert (receipt(UNDELIVERED, "5.1.1", "5.1.1 mailbox does not exist"),) == parse(postfix(**nobody))
    assert (gone("5.1.1", "mailbox does not exist"),) == parse(postfix(final=nobody["final"]))
    assert "for whom" in refusal(postfix(**nobody, to="To: undisclosed-recipients:;"))
    assert (gone("5.1.1", "mailbox does not exist"),) == parse(postfix(to='To: "old@home" <asha@example.com>'))


def fate(recipient: str, action: str, status: str) -> str:
    """Return what a report says of one recipient."""
    return f"Final-Recipient: rfc822; {recipient}\nAction: {action}\nStatus: {status}"


ONE, TWO = "one@provider.example", "two@provider.example"
FAILED_AT_ONE, ARRIVED_AT_TWO = fate(ONE, "failed", "5.1.1"), fate(TWO, "delivered", "2.0.0")


@pytest.mark.parametrize("fates", [(FAILED_AT_ONE, ARRIVED_AT_TWO), (ARRIVED_AT_TWO, FAILED_AT_ONE)])
def test_several_recipients(fates: tuple[str, str]) -> None:
    """An address that led to several is not suppressed for one of them, and has arrived where one of them has it."""
    message = postfix(action="X: y", original="X: y", final="\n\n".join(fates))
    assert {
        ONE: gone("5.1.1", "mailbox does not exist", ONE),
        TWO: receipt(DELIVERED, None, None, TWO),
        ASHA: receipt(DELIVERED, None, None),
    } == {found.recipient: found for found in parse(message)}


@pytest.mark.parametrize(
    "fates", [(fate(ASHA, "failed", "5.1.1"), ARRIVED_AT_TWO), (ARRIVED_AT_TWO, fate(ASHA, "failed", "5.1.1"))]
)
def test_the_address_itself(fates: tuple[str, str]) -> None:
    """What is said of an address itself outweighs what is said of another one that has to do with it."""
    message = postfix(action="X: y", original="X: y", final="\n\n".join(fates))
    assert gone("5.1.1", "mailbox does not exist") in parse(message)


@pytest.mark.parametrize("action", ["Action: exploded", "Action:", "X-Action: failed"])
def test_no_action(action: str) -> None:
    """What a report does not say is not guessed."""
    assert "it does not say what became" in refusal(postfix(action=action))


@pytest.mark.parametrize("action", ["Action: FAILED", "action:failed (relay refused)", "Action:\n failed"])
def test_action(action: str) -> None:
    """An action is recognised in any case, folded, and with a comment."""
    assert UNDELIVERED is parse(postfix(action=action))[0].state


def test_encoded_and_wrapped() -> None:
    """A report in base64, passed on in another multipart, is read."""
    report = (
        "Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
        "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFzaGFAZXhhbXBsZS5jb20KQWN0aW9uOiBmYWlsZWQKU3RhdHVzOiA1LjEuMQo="
    )
    returned = (
        "Content-Type: text/rfc822-headers\nContent-Transfer-Encoding: quoted-printable\n\n"
        f"To: asha=40example.com\nMessage-ID: <{KEY[:9]}=\n{KEY[9:]}.email@salon.example>\n"
    )
    inner = f"Content-Type: multipart/report; boundary=b\n\n--b\n{report}\n--b\n{returned}\n--b--"
    message = f"Content-Type: multipart/mixed; boundary = a\n\n--a\n{inner}\n--a\n\nSent by a gateway.\n--a--\n"
    assert (gone("5.1.1", "mailbox does not exist"),) == parse(message.encode())


def test_qmail_encoded() -> None:
    """The format of qmail is read through the transfer encoding of a gateway."""
    head, _, body = read("qmail").partition(b"\n\n")
    message = head + b"\nContent-Transfer-Encoding: base64\n\n" + b2a_base64(body)
    assert (gone("5.1.1", "mailbox does not exist"),) == parse(message)


def test_lines_before_a_message() -> None:
    """Empty lines, and the line that begins a message in an mbox, are passed over."""
    returned = postfix(returned_type="Content-Type: message/rfc822\n\n\r\n")
    for message in (b"\n\r\n" + postfix(), b"From MAILER-DAEMON Mon Jan  5 09:14:07 2026\n" + postfix(), returned):
        assert (gone("5.1.1", "mailbox does not exist"),) == parse(message)


def test_how_deep() -> None:
    """A report is looked for as deep as gateways wrap one, and no deeper."""

    def wrapped(levels: int) -> bytes:
        opening = "".join(f"Content-Type: multipart/mixed; boundary={level}\n\n--{level}\n" for level in range(levels))
        return opening.encode() + postfix()

    assert (gone("5.1.1", "mailbox does not exist"),) == parse(wrapped(DEEPEST - 1))
    assert "it is no delivery report" == refusal(wrapped(DEEPEST))


def test_said_to_be_encoded() -> None:
    """A report that is said to be in base64, and is not, is read as it stands."""
    said = "Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n"
    assert (gone("5.1.1", "mailbox does not exist"),) == parse(postfix(report_type=said))


def test_nothing_of_the_server_is_repeated() -> None:
    """Neither the words of a mail server nor an address reach a reason."""
    for name in REPORTS:
        for found in parse(read(name)):
            assert not {"@", "rejected", "host", "smtp"} & set((found.reason or "").split())
            assert "@" not in (found.reason or "")


def test_size() -> None:
    """A bounce may be as large as the limit, and one byte more is refused."""
    largest = postfix() + bytes(LARGEST - len(postfix()))
    assert (gone("5.1.1", "mailbox does not exist"),) == parse(largest)
    assert "it is larger than 1 MiB" == refusal(largest + b"\0")
