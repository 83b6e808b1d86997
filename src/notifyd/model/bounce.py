"""What came back: a message that says how an e-mail of ours has fared becomes receipts, or it is no bounce of ours.

Read are delivery reports (RFC 3464), which nearly all mail servers write, and qmail's format (QSBMF). Nothing is
guessed from prose: automatic replies, spam and ordinary mail are `NotABounce`, the only thing that can be raised. A
bounce is easily forged, so each receipt names its recipient, whom the ledger must know for the same job.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from itertools import islice
from typing import Final

from notifyd.model.job import Channel
from notifyd.model.mail_parts import MOST, Part, blocks, field, part, walk
from notifyd.model.receipt import Receipt, ReceiptState
from notifyd.model.smtp_status import WORDS

LARGEST: Final = 1 << 20
"""Bytes of a message that is read; our own e-mails are much smaller, and a bounce holds little more than one."""

_REPORT = {"message/delivery-status", "message/global-delivery-status"}
_RETURNED = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
_STATES = {
    "failed": ReceiptState.UNDELIVERED,
    "delayed": ReceiptState.ACCEPTED,
    "delivered": ReceiptState.DELIVERED,
    "relayed": ReceiptState.ACCEPTED,
    "expanded": ReceiptState.ACCEPTED,
}
"""The actions of RFC 3464, 2.3.3."""

_NOBODY_THERE = re.compile(r"5\.1\.(?:1|2|3|6|10)")
_VAGUE = re.compile(r"[245]\.0\.0")
_WORDS = {
    "1": "address is not accepted",
    "2": "mailbox has a problem",
    "3": "mail server has a problem",
    "4": "network or routing has a problem",
    "5": "mail servers do not understand each other",
    "6": "message is not acceptable",
    "7": "refused by policy",
}
"""What is said where `WORDS` has nothing better, by the code's subject (RFC 3463, 3)."""

_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)")
_REPLY = re.compile(r"(?<!\d)(?:[45]\d\d[- ]|\()#?([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_ADDRESS = re.compile(r"[!-~]{1,64}@[!-~]{1,255}")
_AROUND_ADDRESS = re.compile(r"[\s<>\[\]();,\"]+")
_KEY = re.compile(r"(?i)(?<![0-9a-z])([0-9a-f]{32})\.email@")
_BOUNDARY = re.compile(r"(?i)boundary=\"?=_([0-9a-f]{32})(?![0-9a-z])")

_QMAIL = re.compile(rb"\s*Hi\. This is the ")
_BREAK = re.compile(rb"(?m)^\r?\n-.*\n\s*")
_PARAGRAPH = re.compile(rb"\r?\n[ \t]*\r?\n")
_QMAIL_RECIPIENT = re.compile(r"<([^<>]+)>:")


class NotABounce(Exception):  # noqa: N818 - a finding about a message
    """The message tells nothing of an e-mail of ours.

    Attributes:
        reason: Why, as a sentence without its end.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of the e-mail for one recipient, as the report has it.

    Attributes:
        final: Whom the last server tried, where the report names somebody.
        original: Whom the report says it was addressed to.
    """

    final: str | None
    original: str | None
    state: ReceiptState
    status: str | None


def parse(message: bytes) -> tuple[Receipt, ...]:
    """Read a message.

    Returns:
        One receipt for each address that may be the one we wrote to: the ledger knows which. An address is suppressed
        where it is itself the one that does not exist, not where it led to such a one.

    Raises:
        NotABounce: with the reason.
    """
    if len(message) > LARGEST:
        raise NotABounce(f"it is larger than {LARGEST >> 20} MiB")
    whole = part(message.lstrip())
    fates, returned = _read(whole)
    key = _key(whole.headers, returned)
    if key is None:
        raise NotABounce("it is about no e-mail of ours: no Message-ID in it has the form of ours")
    receipts = _receipts(key, fates, _address(field(returned, "To")))
    if not receipts:
        raise NotABounce("it does not say what became of the e-mail, for whom")
    return receipts


def _read(whole: Part) -> tuple[list[_Fate], Message]:
    """Return what became of an e-mail, and the headers of that e-mail, where they came back."""
    parts = list(islice(walk(whole), MOST))
    report = next((found for found in parts if found.kind in _REPORT), None)
    if report is not None:
        returned = next((found.content for found in parts if found.kind in _RETURNED), b"")
        return list(_fates(blocks(report.content))), part(returned.lstrip()).headers
    notice = _BREAK.split(whole.content, maxsplit=1)
    if len(notice) > 1 and _QMAIL.match(notice[0]):
        return list(_fates_by_qmail(notice[0])), part(notice[1]).headers
    raise NotABounce("it is no delivery report")


def _fates(report: list[Message]) -> Iterator[_Fate]:
    for block in report:
        state = _STATES.get(field(block, "Action").partition(" ")[0].lower())
        if state is not None:
            final, original = (_address(field(block, name)) for name in ("Final-Recipient", "Original-Recipient"))
            yield _Fate(final or original, original, state, _status(block))


def _status(block: Message) -> str | None:
    """Return the status, from the server's reply where the field itself is vague (as Exim's always is)."""
    status = _STATUS.search(field(block, "Status"))
    reply = _REPLY.search(field(block, "Diagnostic-Code"))
    if status is None:
        return reply[1] if reply else None
    if reply and _VAGUE.fullmatch(status[0]) and reply[1][0] == status[0][0]:
        return reply[1]
    return status[0]


def _fates_by_qmail(notice: bytes) -> Iterator[_Fate]:
    for paragraph in _PARAGRAPH.split(notice, maxsplit=MOST):
        text = paragraph.decode("ascii", "replace").strip()
        recipient, status = _QMAIL_RECIPIENT.match(text), _REPLY.search(text)
        if recipient and status:
            yield _Fate(_address(recipient[1]), None, ReceiptState.UNDELIVERED, status[1])


def _key(report: Message, returned: Message) -> str | None:
    """Return the job's key from the Message-ID; where a provider (Amazon SES) replaced ours, from our boundary."""
    ids = (field(returned, "Message-ID"), field(report, "In-Reply-To"), field(report, "References"))
    found = (_KEY.search("".join(text.split())) for text in ids)
    key = next(filter(None, found), None) or _BOUNDARY.search(field(returned, "Content-Type"))
    return key[1].lower() if key else None


def _address(text: str) -> str | None:
    """Return the last address in a field's value, in lower case."""
    words = (word for word in reversed(_AROUND_ADDRESS.split(text)) if _ADDRESS.fullmatch(word))
    return next(words, "").lower() or None


def _receipts(key: str, fates: list[_Fate], addressed: str | None) -> tuple[Receipt, ...]:
    """Judge for each address; what is said of it itself outweighs what is said of where it led, good news bad ones."""
    said = [
        (address == fate.final, _receipt(key, fate, address))
        for fate in fates
        for address in dict.fromkeys((fate.final, fate.original, addressed))
        if address is not None
    ]
    said.sort(key=lambda each: (each[0], each[1].state.rank))
    return tuple({receipt.recipient: receipt for _, receipt in said}.values())


def _receipt(key: str, fate: _Fate, address: str) -> Receipt:
    if fate.state is not ReceiptState.UNDELIVERED:
        return Receipt(key, Channel.EMAIL, fate.state, recipient=address)
    return Receipt(
        key,
        Channel.EMAIL,
        fate.state,
        code=fate.status,
        reason=_reason(fate.status) + ("" if fate.final in {address, None} else ", where it was forwarded to"),
        suppress=address == fate.final and fate.status is not None and _NOBODY_THERE.fullmatch(fate.status) is not None,
        recipient=address,
    )


def _reason(status: str | None) -> str:
    if status is None:
        return "it came back"
    detail = status[2:]
    return f"{status} {WORDS.get(detail) or _WORDS.get(detail.partition('.')[0], 'it came back')}"
