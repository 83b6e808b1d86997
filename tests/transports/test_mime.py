"""An e-mail as bytes: what a strict reader finds in them, and what a hostile row cannot put there."""

import re
from base64 import b64decode
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.model.message import Email
from notifyd.transports.mime import compose, message_id
from transports.sending import EMAIL, KEY, SENDER, email

HEADERS = [
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Auto-Submitted",
    "Content-Type",
]


def read(message: Email) -> EmailMessage:
    """Compose and parse."""
    return message_from_bytes(compose(message, SENDER).data, policy=policy.default)


def header_lines(message: Email) -> list[bytes]:
    """Return the lines of the header as they go over the wire."""
    return compose(message, SENDER).data.partition(b"\r\n\r\n")[0].split(b"\r\n")


def content(message: Email, kind: str) -> list[str]:
    """Return the lines of one of the two bodies."""
    body = read(message).get_body((kind,))
    assert body is not None
    lines: list[str] = body.get_content().splitlines()
    return lines


def addresses(message: Email, header: str) -> tuple[Address, ...]:
    """Return the addresses of a header."""
    found: tuple[Address, ...] = read(message)[header].addresses
    return found


def test_an_ordinary_mail() -> None:
    """Every header is there once and in order, and both bodies read as they were written."""
    message = read(EMAIL)
    assert HEADERS == message.keys()
    assert '"Salon Rosa" <no-reply@salons.example>' == str(message["From"]).replace("Salon Rosa <", '"Salon Rosa" <')
    assert "hello@rosa.example" == message["Reply-To"]
    assert "Your appointment" == message["Subject"]
    assert "auto-generated" == message["Auto-Submitted"]
    assert "Tue, 24 Nov 2026 14:30:00 -0000" == message["Date"]  # UTC, and nothing about where we are
    assert [] == message.defects
    assert ["text/plain", "text/html"] == [part.get_content_type() for part in message.iter_parts()]
    assert EMAIL.text.splitlines() == content(EMAIL, "plain")
    assert EMAIL.html.splitlines() == content(EMAIL, "html")


def test_message_id_is_of_job_and_domain() -> None:
    """The identity of a message depends on nothing that differs between two attempts."""
    assert f"<{KEY}.email@salons.example>" == message_id(email(subject="other", text="other"), SENDER)
    assert message_id(EMAIL, SENDER) == read(EMAIL)["Message-ID"]


def test_without_names() -> None:
    """An address without a name stands alone, and no Reply-To means none."""
    message = read(email(to_name="", from_name="", reply_to=None))
    assert (EMAIL.to, SENDER, None) == (message["To"], message["From"], message["Reply-To"])


@pytest.mark.parametrize(
    "name",
    [
        "Zoë Müller",
        'Kim "Scissors" O\\Hara, Inc.',
        "Salon <b>",
        "山田太郎",
        "x@y.example, z",
        "💇🏽\u200d♀️",
        "a;b:c(d)",
    ],
)
def test_names_arrive_as_they_are(name: str) -> None:
    """Quoting and encoding are undone by the reader, and a name never becomes a second address."""
    (address,) = addresses(email(to_name=name), "To")
    assert (name, EMAIL.to) == (address.display_name, address.addr_spec)


@pytest.mark.parametrize(
    "value",
    [
        "x\r\nBcc: eve@client.example",
        "x\nBcc: eve@client.example",
        "x\rBcc: eve@client.example",
        "x\r\n\r\n<h1>body</h1>",
        "x\u2028Bcc: eve@client.example",
        "x\x85Bcc: eve@client.example",
        "=?utf-8?Q?x=0D=0ABcc:eve@client.example?=",
        "=?utf-8?b?eA0KQmNjOiBldmVAY2xpZW50LmV4YW1wbGU=?=",
        '" <eve@client.example>, "',
        "\x00\x1b[31m",
        "\ud800",
    ],
)
@pytest.mark.parametrize("field", ["to_name", "from_name", "subject"])
def test_no_value_becomes_a_header(field: str, value: str) -> None:
    """Whatever stands in a name or a subject: the headers, and who gets the mail, are what they were."""
    hostile = email(**{field: value})
    message = read(hostile)
    assert HEADERS == message.keys()
    assert HEADERS == [line.partition(b":")[0].decode() for line in header_lines(hostile) if line[:1] != b" "]
    assert [EMAIL.to] == [address.addr_spec for address in addresses(hostile, "To")]
    assert [SENDER] == [address.addr_spec for address in addresses(hostile, "From")]
    assert EMAIL.text.splitlines() == content(hostile, "plain")


def test_an_encoded_word_is_text() -> None:
    """A name that looks like an encoded-word is read as the characters it is made of."""
    word = "=?utf-8?Q?x=0D=0ABcc:eve?="
    assert word == read(email(subject=word))["Subject"]
    assert (word,) == tuple(address.display_name for address in addresses(email(from_name=word), "From"))


@pytest.mark.parametrize("text", ["ü" * 100, "x" + "ü" * 100, "漢" * 100, "x💇" * 60])
def test_no_character_is_split(text: str) -> None:
    """Every encoded-word is whole UTF-8 by itself, since readers decode them one by one (RFC 2047, 5)."""
    lines = [line for line in header_lines(email(subject=text)) if b"=?utf-8?b?" in line]
    assert text == "".join(b64decode(line.partition(b"?b?")[2].removesuffix(b"?=")).decode() for line in lines)


@pytest.mark.parametrize(
    "address",
    ["ada", "a@b, c@d", "a@b\r\nBcc: c@d", "<a@b>", "a b@c", "a@b@c", "", "@", "a@b\x00", '"a b"@c'],
)
@pytest.mark.parametrize("field", ["to", "reply_to"])
def test_address_that_is_none(field: str, address: str) -> None:
    """What is not one plain address is an error that names the field and keeps the address to itself."""
    with pytest.raises(ValueError, match="not one plain e-mail address") as caught:
        compose(email(**{field: address}), SENDER)
    assert {"to": "To", "reply_to": "Reply-To"}[field] == str(caught.value).partition(":")[0]


def test_boundary_cannot_be_forged() -> None:
    """A body that holds the boundary does not end its part."""
    forged = f"a\n--=_{KEY}--\nb"
    assert forged.splitlines() == content(email(text=forged), "plain")


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_makes_a_sound_mail(name: str, subject: str, text: str, html: str) -> None:
    """Any text at all: ASCII bytes, no line too long, no header more, both bodies as they were."""
    message = email(to_name=name, subject=subject, text=text, html=html)
    letter = compose(message, SENDER)
    assert letter.data.isascii()
    assert not letter.utf8
    assert max(map(len, letter.data.split(b"\r\n"))) <= 78
    assert b"\n" not in letter.data.replace(b"\r\n", b"")
    assert HEADERS == read(message).keys()
    assert lines(text) == lines("\n".join(content(message, "plain")))
    assert lines(html) == lines("\n".join(content(message, "html")))


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1))
def test_any_subject_is_read_back(subject: str) -> None:
    """A subject of printable characters comes back, whatever its length and script."""
    assert subject == read(email(subject=subject))["Subject"]
    assert max(map(len, header_lines(email(subject=subject)))) <= 78


def lines(text: str) -> list[str]:
    """Return the lines of a text however they end, without what the last one ends with."""
    return re.sub(r"\s+$", "", "\n".join(text.splitlines())).splitlines()
