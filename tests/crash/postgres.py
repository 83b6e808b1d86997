"""Just enough of PostgreSQL's protocol to know which statement of the store's is sent, and what it found."""

import struct
from collections.abc import Iterator, Mapping

from crash.events import Frame

_ENDS = {b"", b"S", b"Q", b"H", b"p"}  # of what a client says in one go: startup, Sync, Query, Flush, password
_READY, _ROW, _PARSE, _BIND = b"Z", b"D", b"P", b"B"

_MOVED = 1  # the column of `PROMOTE` that counts what it moved
_NOTHING = bytes(8)


class Postgres:
    """One connection. Statements are known by their text, their names are remembered as they are prepared."""

    def __init__(self, statements: Mapping[str, str]) -> None:
        """Make one.

        Args:
            statements: Names, by the text that is sent.
        """
        self._statements = statements
        self._prepared: dict[bytes, str | None] = {}
        self._said = self._answered = b""
        self._batch = self._reply = b""
        self._started = False
        self._bound: str | None = None
        self._verb: str | None = None
        self._rows: list[list[bytes]] = []

    def said(self, data: bytes) -> list[Frame]:
        """Return what is sent in one go: a statement's Bind, Execute and Sync, say."""
        frames = []
        for kind, message in self._messages(data):
            self._batch += message
            if kind == _PARSE:
                name, text = message[5:].split(b"\0")[:2]
                self._prepared[name] = self._statements.get(text.decode())
            elif kind == _BIND:
                self._bound = self._prepared.get(message[5:].split(b"\0")[1])
            if kind in _ENDS:
                self._verb, self._bound = self._bound, None
                frames.append(Frame(self._batch, self._verb, "command"))
                self._batch = b""
        return frames

    def answered(self, data: bytes) -> list[Frame]:
        """Return the answer to a statement in one piece, anything else as it comes."""
        messages, self._answered = _split(self._answered + data)
        frames = []
        for message in messages:
            if self._verb is None:
                frames.append(Frame(message))
                continue
            self._reply += message
            if message[:1] == _ROW:
                self._rows.append(_columns(message))
            elif message[:1] == _READY:
                frames.append(Frame(self._reply, self._verb, "reply", idle=self._is_idle()))
                self._reply, self._rows, self._verb = b"", [], None
        return frames

    def left(self) -> Frame | None:
        """Return the hang-up, where a statement's answer is owed."""
        return Frame(b"", self._verb, "hang-up") if self._verb else None

    def _messages(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        self._said += data
        if not self._started and len(self._said) >= 4 and len(self._said) >= (length := _int(self._said)):
            startup, self._said, self._started = self._said[:length], self._said[length:], True
            yield b"", startup
        if self._started:
            messages, self._said = _split(self._said)
            yield from ((message[:1], message) for message in messages)

    def _is_idle(self) -> bool:
        match self._verb:
            case "sql:promote":
                return self._rows[0][_MOVED] == _NOTHING
            case "sql:claim" | "sql:rescue":
                return not self._rows
            case _:
                return False


def _int(data: bytes, start: int = 0) -> int:
    (number,) = struct.unpack_from(">i", data, start)
    assert isinstance(number, int)
    return number


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the messages that are complete, and what is left over."""
    messages, start = [], 0
    while len(data) >= start + 5 and len(data) >= (end := start + 1 + _int(data, start + 1)):
        messages.append(data[start:end])
        start = end
    return messages, data[start:]


def _columns(row: bytes) -> list[bytes]:
    """Return the columns of a DataRow; a null is empty."""
    columns, start = [], 7
    for _ in range(int.from_bytes(row[5:7], "big")):
        length = max(_int(row, start), 0)
        columns.append(row[start + 4 : start + 4 + length])
        start += 4 + length
    return columns
