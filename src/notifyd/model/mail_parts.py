"""Takes a message of a stranger's apart: headers with the standard library, parts by their boundaries.

Nothing is believed and nothing is raised: what is broken is not found. The standard library's own way to the parts
costs the message's size times the depth of their nesting, which is the stranger's choice, and raises on some
parameters; this costs the size, a few times over.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

DEEPEST = 4
"""Levels of parts that are looked into: a report is one, and whoever passed it on may have wrapped it."""

MOST = 100
"""Parts, or blocks of a report, that are looked at."""

LONGEST_HEAD = 1 << 16
"""Bytes of a part's headers, or of a block, that are looked at; mail servers let no more pass."""

_PARSER = BytesHeaderParser(policy=compat32)  # the other policies understand the fields, and stumble over broken ones
_EMPTY_LINE = re.compile(rb"(?:\A|\n)[ \t]*\r?\n")
_BOUNDARY = re.compile(r'(?i)boundary\s*=\s*(?:"([^"]{1,99})"|([^\s;"]{1,99}))')  # RFC 2046, 5.1.1: 70


@dataclass(frozen=True, slots=True)
class Part:
    """One part, or the whole message.

    Attributes:
        headers: Its header fields; read them with `field`.
        body: What follows them, as it stands there.
    """

    headers: Message
    body: bytes

    @property
    def kind(self) -> str:
        """Its type, in lower case: `message/delivery-status`."""
        return self.headers.get_content_type()

    @property
    def content(self) -> bytes:
        """Its body without the transfer encoding."""
        match field(self.headers, "Content-Transfer-Encoding").lower():
            case "quoted-printable":
                return binascii.a2b_qp(self.body)
            case "base64":
                try:
                    return binascii.a2b_base64(self.body)
                except binascii.Error:
                    return self.body
            case _:
                return self.body


def part(text: bytes) -> Part:
    """Divide a message, or one of its parts, into headers and body."""
    head, *body = _EMPTY_LINE.split(text, maxsplit=1)
    return Part(_fields(head), body[0] if body else b"")


def walk(whole: Part, depth: int = DEEPEST) -> Iterator[Part]:
    """Go through a message and its parts, from the outside in; a message within it is one part, and not entered."""
    yield whole
    boundary = _BOUNDARY.search(field(whole.headers, "Content-Type"))
    if depth and boundary and whole.headers.get_content_maintype() == "multipart":
        mark = re.escape((boundary[1] or boundary[2]).encode())
        line = re.compile(rb"(?m)^--" + mark + rb"(?:--)?[ \t]*\r?$\n?")
        for piece in line.split(whole.body)[1:]:
            yield from walk(part(piece), depth - 1)


def blocks(body: bytes) -> list[Message]:
    """Read blocks of fields with empty lines between them, as reports are made of them."""
    return [_fields(block) for block in _EMPTY_LINE.split(body, maxsplit=MOST)[:MOST] if block.strip()]


def field(headers: Message, name: str) -> str:
    """Return a field's value as one line, or an empty text."""
    return " ".join(str(headers.get(name, "")).split())


def _fields(block: bytes) -> Message:
    return _PARSER.parsebytes(block[:LONGEST_HEAD])
