"""The one place that turns named events into lines: for the journal, for a terminal, or as JSON.

An event is a literal name and a few fields; nothing here raises, whatever a field holds, and no field can forge a line.
Masking addresses, numbers and passwords is a last resort: callers do not pass them in the first place.
"""

import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TextIO

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

Format = Literal["journal", "console", "json"]
Fields = Mapping[str, object]
Listener = Callable[[int, str, Fields], None]

listeners: list[Listener] = []
"""Called with (level, event, fields) for every event of any level: what a test waits on."""

_LEVELS = {"debug": DEBUG, "info": INFO, "warning": WARNING, "error": ERROR}
_NAMES = {number: name for name, number in _LEVELS.items()}
_PRIORITIES = {DEBUG: "<7>", INFO: "<6>", WARNING: "<4>", ERROR: "<3>"}  # sd-daemon(3)
_COLOURS = {DEBUG: "\033[2m", INFO: "\033[32m", WARNING: "\033[33m", ERROR: "\033[31m"}

_LONGEST = 200  # characters of one value in a line
_LONGEST_READ = 1_000  # characters looked at: an address across the cut is masked before it is cut
_EXACT = 2**53  # integers below it are the same to every reader of JSON
_MOST_FRAMES = 60  # lines of one traceback

_PLAIN = re.compile(r"[A-Za-z0-9_./:,;#*-]{1,200}").fullmatch  # needs no quotes, and cannot hold what is masked
_SUSPECT = re.compile(r"[@+%=]|[Bb]earer ").search  # without one of these no mask can match
_EDGE = r"\s<>()\[\],;:=\"'"
_MASKS = (
    (re.compile(r"(://[^\s:/@]*):\S*@"), r"\1:***@"),
    (re.compile(r"(?i)(\b\w*(?:password|secret|token)=|\bbearer )\S+"), r"\1***"),
    (re.compile(rf"(?<![^{_EDGE}])(?!\*\*\*@)[^{_EDGE}@]+(?:@|%40)[^{_EDGE}]+"), "[email]"),
    (re.compile(r"(?:\+|%2[Bb])\d[\d ().-]{6,}\d"), "[phone]"),
)


def debug(event: str, /, **fields: object) -> None:
    """Tell what only somebody who hunts a fault wants to read."""
    if _sink.level <= DEBUG or listeners:
        _emit(DEBUG, event, fields)


def info(event: str, /, **fields: object) -> None:
    """Tell of a change of state."""
    if _sink.level <= INFO or listeners:
        _emit(INFO, event, fields)


def warning(event: str, /, **fields: object) -> None:
    """Tell of something that passes by itself, but should be known."""
    if _sink.level <= WARNING or listeners:
        _emit(WARNING, event, fields)


def error(event: str, /, **fields: object) -> None:
    """Tell of something that needs a person."""
    _emit(ERROR, event, fields)


def exception(event: str, exc: BaseException, /, **fields: object) -> None:
    """Tell of a bug: the error's type, its text, and its traceback on lines (in JSON: a list) of their own."""
    _emit(ERROR, event, {**fields, "error": type(exc).__name__, "detail": exc}, exc)


def at_most_every(seconds: float, event: str, about: str = "", /, **fields: object) -> None:
    """Warn of something that goes on, such as an outage, without filling the journal.

    Args:
        seconds: The least time between two lines of the same event; what was left out is counted as `skipped`.
        event: The event; lines of other events are not counted.
        about: What it happens to, of a few; lines about others are not counted. It is not written.
        fields: Its fields.
    """
    skipped = _due(f"{event} {about}", seconds)
    if skipped is not None:
        warning(event, **fields, skipped=skipped or None)


def setup(level: str = "info", format: Format | None = None, stream: TextIO | None = None) -> None:  # noqa: A002
    """Say which events are written, how, and where to; third-party loggers follow at WARNING and above.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        format: None chooses `console` on a terminal and `journal` everywhere else.
        stream: Standard output if None.

    Raises:
        ValueError: for a level or a format that does not exist.
    """
    if level not in _LEVELS:
        raise ValueError(f"log level {level!r} does not exist; use one of {', '.join(_LEVELS)}")
    out = sys.stdout if stream is None else stream
    chosen = format or ("console" if out.isatty() else "journal")
    if chosen not in _RENDERERS:
        raise ValueError(f"log format {chosen!r} does not exist; use one of {', '.join(_RENDERERS)}")
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure is not None:  # one write a line, and no character that a narrow locale could stumble over
        reconfigure(errors="backslashreplace", line_buffering=True)
    _sink.level, _sink.stream, _sink.render, _sink.last = _LEVELS[level], out, _RENDERERS[chosen], {}
    logging.basicConfig(level=WARNING, handlers=[_Library()], force=True)


@dataclass(slots=True)
class _Sink:
    """Where lines go. Before `setup`: warnings, on standard error."""

    level: int
    stream: TextIO | None
    render: Callable[[int, str, Fields, BaseException | None], str]
    last: dict[str, tuple[float, int]]


def _emit(level: int, event: str, fields: Fields, exc: BaseException | None = None) -> None:
    for listener in listeners:
        listener(level, event, fields)
    if level < _sink.level:
        return
    line = _sink.render(level, event, fields, exc)
    with suppress(OSError, ValueError):  # the reader of our output is gone: no reason to stop sending
        (_sink.stream or sys.stderr).write(line)


def _due(key: str, seconds: float) -> int | None:
    """Return how often the key was not due since it last was, or None if it is not due now."""
    now = time.monotonic()
    last, skipped = _sink.last.get(key, (-float("inf"), 0))
    due = now - last >= seconds
    _sink.last[key] = (now, 0) if due else (last, skipped + 1)
    return skipped if due else None


def _journal(level: int, event: str, fields: Fields, exc: BaseException | None) -> str:
    head = _PRIORITIES[level] + event
    line = head + _pairs(fields) + "\n"
    return line if exc is None else line + "".join(f"{head} | {_printable(text)}\n" for text in _traceback(exc))


def _console(level: int, event: str, fields: Fields, exc: BaseException | None) -> str:
    clock = time.strftime("%H:%M:%S")  # for the eye alone; the journal has its own
    colour, plain = ("", "") if os.environ.get("NO_COLOR") else (_COLOURS[level], "\033[0m")
    line = f"{clock} {colour}{event}{plain}{_pairs(fields)}\n"
    return line if exc is None else line + "".join(f"         {_printable(text)}\n" for text in _traceback(exc))


def _json(level: int, event: str, fields: Fields, exc: BaseException | None) -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    record: dict[str, object] = {"time": stamp, "level": _NAMES[level], "event": event}
    for key, value in fields.items():
        if value is not None:
            number = isinstance(value, int) and abs(value) < _EXACT
            record[key] = value if number else _valid(_masked(_text(value)))
    if exc is not None:
        record["traceback"] = [_valid(text) for text in _traceback(exc)]
    return json.dumps(record) + "\n"


_RENDERERS = {"journal": _journal, "console": _console, "json": _json}
_sink = _Sink(level=WARNING, stream=None, render=_journal, last={})


def _pairs(fields: Fields) -> str:
    line = ""
    for key, value in fields.items():
        if value is None:
            continue
        text = value if isinstance(value, str) else _text(value)
        line += f" {key}={text}" if _PLAIN(text) else f' {key}="{_escaped(_masked(text))}"'
    return line


def _text(value: object) -> str:
    try:
        return f"{value:.3f}" if isinstance(value, float) else str(value)
    except Exception:  # noqa: BLE001 - a 5,000-digit integer, a __str__ that raises: a log line is no place to fail
        return f"<{type(value).__name__}>"


def _masked(text: str) -> str:
    text = text[:_LONGEST_READ]
    if _SUSPECT(text):
        for pattern, mask in _MASKS:
            text = pattern.sub(mask, text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _escaped(text: str) -> str:
    return _printable(text.replace("\\", "\\\\").replace('"', '\\"'))


def _printable(text: str) -> str:
    """Return the text with everything spelled out that could end a line or turn a terminal's head."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _valid(text: str) -> str:
    """Return the text without lone surrogates, which JSON can write and few can read."""
    return text.encode("utf-8", "backslashreplace").decode()


def _traceback(exc: BaseException) -> Iterator[str]:
    lines = "".join(traceback.TracebackException.from_exception(exc, compact=True).format()).splitlines()
    return (_masked(line) for line in lines[-_MOST_FRAMES:])


class _Library(logging.Handler):
    """Takes what third-party loggers say. Only their errors have tracebacks, and no stranger can cause one.

    Their warnings come from loops of theirs during an outage: a line a second of each logger is enough.
    """

    def emit(self, record: logging.LogRecord) -> None:
        exc = record.exc_info[1] if record.exc_info else None
        kind = None if exc is None else type(exc).__name__
        if exc is not None and type(exc).__module__ == "aiohttp.http_exceptions":
            debug("web.malformed", error=kind)
        elif record.levelno >= ERROR:
            _emit(ERROR, "library.failed", {"logger": record.name, "text": _said(record), "error": kind}, exc)
        elif record.levelno >= WARNING and _sink.level <= WARNING and (skipped := _due(record.name, 1.0)) is not None:
            warning("library.warned", logger=record.name, text=_said(record), error=kind, skipped=skipped or None)


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - their arguments, their mistake, not our crash
        return str(record.msg)
