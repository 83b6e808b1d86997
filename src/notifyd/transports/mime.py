"""An e-mail as the bytes that go over the wire: multipart/alternative, text before HTML, composed by hand.

Pure. By hand, since the standard library's `EmailMessage` costs twenty times the CPU and decodes encoded-words that it
finds in a value, line breaks included. What can go wrong is an address: `ValueError`.
"""

import re
from base64 import b64encode
from binascii import b2a_qp
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime

from notifyd.model.message import Email

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f<>()\[\],;:\\\"@]+@[^\s\x00-\x1f\x7f<>()\[\],;:\\\"@]+")
_LONGEST_PLAIN = 60  # characters of a value that stays on the header's first line, RFC 5322, 2.1.1
_WORD_BYTES = 39  # of UTF-8 in one encoded-word: 64 characters with what is around it; RFC 2047, 2: 76 to a line
_CONTINUES = 0x80  # the upper two bits of a UTF-8 byte that is not the first of its character


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail in its envelope.

    Attributes:
        sender: The address of MAIL FROM.
        to: The address of RCPT TO.
        data: The message with CRLF line ends, before dot-stuffing, in ASCII unless `utf8`.
        utf8: Whether an address lies beyond ASCII, so that the server must offer SMTPUTF8 (RFC 6531).
    """

    sender: str
    to: str
    data: bytes
    utf8: bool


def compose(email: Email, sender: str) -> Letter:
    """Put an e-mail into bytes.

    Args:
        email: What to say to whom.
        sender: The address that all mail is from.

    Returns:
        The message; its Message-ID depends on the job and the sender's domain alone, so that a copy can be recognised.

    Raises:
        ValueError: for an address that could not stand in a header; the text names the field, not the address.
    """
    boundary = f"=_{email.key}"  # quoted-printable never yields "=_" (RFC 2046, 5.1.1)
    head = "\r\n".join(_headers(email, sender, boundary))
    parts = (
        head.encode(),
        _part(boundary, "plain", email.text),
        _part(boundary, "html", email.html),
        f"--{boundary}--\r\n".encode(),
    )
    return Letter(sender, email.to, b"\r\n".join(parts), utf8=not head.isascii())


def _headers(email: Email, sender: str, boundary: str) -> list[str]:
    reply_to = [] if email.reply_to is None else [f"Reply-To: {_mailbox('Reply-To', '', email.reply_to)}"]
    return [
        f"From: {_mailbox('From', email.from_name, sender)}",
        f"To: {_mailbox('To', email.to_name, email.to)}",
        *reply_to,
        f"Subject: {_unstructured(email.subject)}",
        f"Date: {format_datetime(email.date.astimezone(UTC).replace(tzinfo=None))}",  # -0000: says nothing of a place
        f"Message-ID: {message_id(email, sender)}",
        "MIME-Version: 1.0",
        "Auto-Submitted: auto-generated",  # RFC 3834, 5: no vacation notice in reply
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"',
        "",
    ]


def message_id(email: Email, sender: str) -> str:
    """Return the Message-ID: the same for every attempt of a job (RFC 5322, 3.6.4)."""
    return f"<{email.key}.email@{sender.rpartition('@')[2]}>"


def _mailbox(field: str, name: str, address: str) -> str:
    """Return `name <address>` (RFC 5322, 3.4), the name quoted or as encoded-words."""
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"{field}: not one plain e-mail address")
    name = _one_line(name)
    if not name:
        return address
    if _is_plain(name):
        escaped = name.replace("\\", r"\\").replace('"', r"\"")
        return f'"{escaped}" <{address}>'
    return f"{_encoded_words(name)}\r\n <{address}>"


def _unstructured(value: str) -> str:
    value = _one_line(value)
    return value if _is_plain(value) else _encoded_words(value)


def _one_line(value: str) -> str:
    """Take the line breaks out: content names them as faults, this makes sure that none becomes a header."""
    return _CONTROL.sub(" ", value).strip()


def _is_plain(value: str) -> bool:
    """Tell whether the value may stand as it is; one that looks like an encoded-word is encoded, so that it is text."""
    return len(value) <= _LONGEST_PLAIN and value.isascii() and "=?" not in value


def _encoded_words(value: str) -> str:
    """Return the value as UTF-8 encoded-words, no character split between two (RFC 2047, 5)."""
    rest = value.encode("utf-8", "replace")  # a lone surrogate has no bytes
    words = []
    while rest:
        end = min(_WORD_BYTES, len(rest))
        while end < len(rest) and rest[end] & 0xC0 == _CONTINUES:
            end -= 1
        words.append(f"=?utf-8?b?{b64encode(rest[:end]).decode()}?=")
        rest = rest[end:]
    return "\r\n ".join(words)


def _part(boundary: str, subtype: str, text: str) -> bytes:
    head = (
        f"--{boundary}\r\n"
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").replace("\n", "\r\n")
    # `b2a_qp` breaks long lines as the first line of what it is given ends: without the last CRLF, one line with LF
    return head.encode() + b2a_qp(f"{lines}\r\n".encode("utf-8", "replace"))
