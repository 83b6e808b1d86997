"""Just enough of SMTP and HTTP to cut a conversation into frames; both directions of one connection share a dialect."""

from collections.abc import Callable
from typing import Protocol

from crash.events import Frame

_LINE, _HEAD, _MESSAGE = b"\r\n", b"\r\n\r\n", b"\r\n.\r\n"
_GO_AHEAD = b"354"


class Dialect(Protocol):
    """Cuts one connection into frames. Bytes that do not make a frame yet are kept."""

    def said(self, data: bytes) -> list[Frame]:
        """Return what the client has said with these bytes."""

    def answered(self, data: bytes) -> list[Frame]:
        """Return what the server has answered with these bytes."""

    def left(self) -> Frame | None:
        """Return the hang-up of a server that closes while it owes an answer."""


DialectMaker = Callable[[], Dialect]


class Smtp:
    """A command is a line, or the message up to its final dot; a reply is all its lines."""

    def __init__(self) -> None:
        self._said = self._answered = b""
        self._verb = "greeting"
        self._in_message = False
        self._owed = True

    def said(self, data: bytes) -> list[Frame]:
        """Return the commands."""
        self._said += data
        frames = []
        while (end := self._said.find(_MESSAGE if self._in_message else _LINE)) >= 0:
            end += len(_MESSAGE if self._in_message else _LINE)
            command, self._said = self._said[:end], self._said[end:]
            word = (
                "message" if self._in_message else command.partition(b" ")[0].strip().decode("ascii", "replace").upper()
            )
            self._verb, self._in_message, self._owed = word, False, True
            frames.append(Frame(command, f"smtp:{word}", "command"))
        return frames

    def answered(self, data: bytes) -> list[Frame]:
        """Return the replies."""
        self._answered += data
        frames = []
        start = 0
        while (end := self._answered.find(_LINE, start)) >= 0:
            last, start = self._answered[start : start + 4], end + len(_LINE)
            if last[3:4] != b"-":
                reply, self._answered, start = self._answered[:start], self._answered[start:], 0
                self._in_message, self._owed = last[:3] == _GO_AHEAD, False
                frames.append(Frame(reply, f"smtp:{self._verb}", "reply"))
        return frames

    def left(self) -> Frame | None:
        """Return the hang-up, where a reply is owed."""
        return Frame(b"", f"smtp:{self._verb}", "hang-up") if self._owed else None


class Http:
    """A request, and its response: both have a head and as much of a body as that says."""

    def __init__(self) -> None:
        self._said = self._answered = b""
        self._method = ""
        self._owed = False

    def said(self, data: bytes) -> list[Frame]:
        """Return the requests."""
        messages, self._said = _whole(self._said + data)
        frames = []
        for message in messages:
            self._method, self._owed = message.split(b" ", 1)[0].decode(), True
            frames.append(Frame(message, f"http:{self._method}", "command"))
        return frames

    def answered(self, data: bytes) -> list[Frame]:
        """Return the responses."""
        messages, self._answered = _whole(self._answered + data)
        self._owed = self._owed and not messages
        return [Frame(message, f"http:{self._method}", "reply") for message in messages]

    def left(self) -> Frame | None:
        """Return the hang-up, where a response is owed."""
        return Frame(b"", f"http:{self._method}", "hang-up") if self._owed else None


def _whole(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the messages that are complete, and what is left over."""
    messages = []
    while (head := data.find(_HEAD)) >= 0:
        end = head + len(_HEAD) + _length(data[:head])
        if len(data) < end:
            break
        messages.append(data[:end])
        data = data[end:]
    return messages, data


def _length(head: bytes) -> int:
    """Return the length of the body. The stand-in and the SDK's client name it always."""
    for line in head.split(_LINE)[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
        assert name.lower() != b"transfer-encoding", "a chunked body is not understood here"
    return 0
