"""`notifyd bounce`: takes note of an e-mail that came back."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import anyio
import typer

from notifyd.cli.errors import Exit, Explained
from notifyd.cli.options import Config, Json
from notifyd.model.bounce import LARGEST, NotABounce, parse
from notifyd.model.receipt import Receipt
from notifyd.settings import Need, Settings, load
from notifyd.store.pool import open_store
from notifyd.store.receipts import Heard, Received, receive

_NOT_NOW = "4.3.0 the bounce could not be written down; try again later"
"""Postfix takes a code at the beginning of a failed command's output for its fate (RFC 3463): the mail stays queued."""

_RESULTS = {
    Received.APPLIED: "written down",
    Received.RESENT: "sent once more",
    Received.KNOWN: "known already",
    Received.STRAY: "not ours",
}

_STRAY = "the ledger knows of no such e-mail to this recipient"


@dataclass(slots=True)
class _Message:
    """One message, and what it came to.

    Attributes:
        name: The file, or `-`.
        receipts: What it says; nothing if it is no bounce.
        reason: Why it is none.
        received: What became of each receipt.
    """

    name: str
    receipts: tuple[Receipt, ...] = ()
    reason: str | None = None
    received: Sequence[Heard] = ()

    @property
    def heard(self) -> Heard | None:
        """The best that became of any receipt; None for what is no bounce."""
        return min(self.received, key=lambda heard: list(Received).index(heard.result), default=None)

    @property
    def result(self) -> Received | None:
        """Its result."""
        return None if self.heard is None else self.heard.result

    @property
    def receipt(self) -> Receipt | None:
        """The receipt that had this result."""
        return None if self.heard is None else self.receipts[self.received.index(self.heard)]


def bounce(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, readable=True, help="Messages.  [default: standard input]"
        ),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Take note of e-mails that came back: of the reports that mail servers send about them.

    An address that does not exist is suppressed. Exits with 1 if a message is no bounce of ours. A mail server can
    pipe bounces in, see docs/operations.md; the daemon itself can watch a directory (`bounce_dir`).

    Examples:
      notifyd bounce < message.eml
      notifyd bounce --json bounces/*.eml | jq '.messages[] | select(.result == null)'
    """
    if not files and sys.stdin.isatty():
        raise Explained("give a FILE, or a message on standard input: notifyd bounce < message.eml", Exit.USAGE)
    try:
        messages = list(_messages(files))
        anyio.run(_receive, load(config, Need.DATABASE), [message for message in messages if message.receipts])
    except Exception:
        if not files:
            typer.echo(_NOT_NOW)
        raise
    if as_json:
        typer.echo(json.dumps({"messages": [_document(message) for message in messages]}))
    else:
        typer.echo("\n".join(f"{message.name}: {_told(message)}" for message in messages))
    well = all(message.result not in {None, Received.STRAY} for message in messages)
    raise typer.Exit(Exit.WELL if well else Exit.FAILED)


def _messages(files: list[Path] | None) -> Iterator[_Message]:
    if not files:
        yield _parsed("-", sys.stdin.buffer.read(LARGEST + 1))
    for path in files or ():
        with path.open("rb") as file:
            yield _parsed(str(path), file.read(LARGEST + 1))


def _parsed(name: str, content: bytes) -> _Message:
    try:
        return _Message(name, parse(content))
    except NotABounce as other:
        return _Message(name, reason=other.reason)


async def _receive(settings: Settings, messages: list[_Message]) -> None:
    if not messages:
        return
    async with open_store(settings.dsn, settings.table, connections=1, pooled=settings.pooled) as store:
        for message in messages:
            message.received = await receive(store, message.receipts)


def _told(message: _Message) -> str:
    receipt, heard = message.receipt, message.heard
    if receipt is None or heard is None:
        return f"not a bounce of ours: {message.reason}"
    if heard.job_id is None:
        return f"{_RESULTS[heard.result]}: job key {receipt.key}: {_STRAY}"
    job = heard.job_id if heard.job_id.isprintable() else ascii(heard.job_id)  # any text may be an id
    reason = f", {receipt.reason}" if receipt.reason else ""
    after = "; not written to again" if receipt.suppress else ""
    return f"{_RESULTS[heard.result]}: job {job}: {receipt.state}{reason}{after}"


def _document(message: _Message) -> dict[str, object]:
    head: dict[str, object] = {"file": message.name, "result": message.result}
    receipt, heard = message.receipt, message.heard
    if receipt is None or heard is None:
        return head | {"reason": message.reason}
    head |= {"job": heard.job_id, "job_key": receipt.key}
    if heard.result is Received.STRAY:
        return head | {"reason": _STRAY}
    told = {"state": receipt.state, "code": receipt.code, "reason": receipt.reason, "suppressed": receipt.suppress}
    return head | told
