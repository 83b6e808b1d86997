"""Whatever a stranger sends to the address for bounces comes to receipts or to `NotABounce`, and costs little."""

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.model.bounce import LARGEST, NotABounce, parse
from notifyd.model.job import Channel
from support.bounces import BOUNCES, postfix, read, refusal


def nested(kind: str, levels: int) -> bytes:
    """Return a message with parts in parts."""
    opening = "".join(f"Content-Type: {kind}; boundary=b{level}\n\n--b{level}\n" for level in range(levels))
    return opening.encode() + b"x\n" * ((LARGEST - len(opening)) // 2)


def filled(start: bytes, filler: bytes) -> bytes:
    """Return a message of the greatest size that is read."""
    return (start + filler * (LARGEST // len(filler) + 1))[:LARGEST]


HOSTILE = {
    "empty": b"",
    "a line break": b"\n",
    "NUL": bytes(LARGEST),
    "8-bit": bytes(range(128, 256)) * 8192,
    "too large": postfix() + bytes(10 * LARGEST),
    "a thousand levels": nested("multipart/report", 1_000),
    "a thousand messages": b"Content-Type: message/rfc822\n\n" * 1_000,
    "a part a line": filled(b"Content-Type: multipart/report; boundary=b\n\n", b"--b\n"),
    "multiparts": filled(
        b"Content-Type: multipart/report; boundary=b\n\n", b"--b\nContent-Type: multipart/x; boundary=b\n\n"
    ),
    "empty lines": filled(
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n", b"\n"
    ),
    "blocks": filled(
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n", b"a:\n\n"
    ),
    "no end of a header": filled(b"Content-Type: multipart/report; ", b'boundary="'),
    "a report after 64 KiB of headers": b"a: b\n" * 20_000 + postfix(),
    "a boundary of a hundred characters": postfix().replace(b"3B1F21F7A1.1767604447/mail.salon.example", b"b" * 100),
    "a long boundary": filled(b"Content-Type: multipart/report; boundary=", b"b"),
    "semicolons": filled(b'Content-Type: multipart/report; x="', b'";'),
    "a numbered boundary": b"Content-Type: multipart/report; boundary*" + b"9" * 5_000 + b'*="b"\n\n--b\n',
    "an odd charset": b"Content-Type: multipart/report; boundary*=\x00'x'%00\n\n--b\n",
    "a folded header": filled(b"Message-ID: <", b"a\n "),
    "headers": filled(b"", b"a:\n"),
    "spaces": filled(b"Content-Type: multipart/report;", b" \n"),
    "no boundary": postfix().replace(b"boundary=", b"x="),
    "another boundary": postfix().replace(b"boundary=", b"boundary=x"),
    "a boundary beyond ASCII": b"Content-Type: multipart/report; boundary=\xff\xfe\n\n--\xff\xfe\n",
    "qmail, and no copy": read("qmail").partition(b"---")[0],
    "qmail, and no status": read("qmail").replace(b"550 5.1.1", b"550"),
    "qmail's beginning": filled(b"\nHi. This is the ", b"\n\n<a@b>:"),
    "qmail's breaks": filled(b"\nHi. This is the \n", b"\n-"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """Whatever a stranger sends is refused, at little cost; `email.message_from_bytes` takes 15 s for it, or raises."""
    began = time.thread_time()
    assert refusal(HOSTILE[name])
    assert time.thread_time() - began < 5


def outcome(message: bytes) -> None:
    """Parse, and hold what comes to what is promised: anything else that is raised fails the test."""
    with suppress(NotABounce):
        found = parse(message)
        assert found
        assert all(len(each.key) == 32 and each.channel is Channel.EMAIL for each in found)
        assert all(each.recipient and each.recipient.isascii() and each.recipient.isprintable() for each in found)


@given(st.binary())
def test_any_bytes(message: bytes) -> None:
    """Any bytes come to receipts or to `NotABounce`."""
    outcome(message)


FRAGMENTS = [line + b"\n" for path in BOUNCES.iterdir() for line in path.read_bytes().splitlines()] + [
    b"\xff",
    b"\0",
    b"\r",
    b"\n\n",
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=9)))
def test_any_fragments(fragments: list[bytes]) -> None:
    """Nor does any mixture of the lines of real bounces come to anything else."""
    outcome(b"".join(fragments))


@given(st.sampled_from(sorted(BOUNCES.iterdir())), st.data())
def test_any_damage(path: Path, data: st.DataObject) -> None:
    """A bounce of which some bytes were lost or replaced, anywhere, is read or refused."""
    message = path.read_bytes()
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, min(start + 60, len(message))))
    outcome(message[:start] + data.draw(st.binary(max_size=9)) + message[end:])
