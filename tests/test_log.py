"""Log lines: one event a line whatever its fields hold, nothing personal in it, and cheap."""

import ast
import io
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from aiohttp.http_exceptions import BadStatusLine
from hypothesis import given
from hypothesis import strategies as st

from notifyd import log

ROOT = Path(__file__).parent.parent
EVENT = re.compile(r"[a-z]+\.[a-z_]+")
BROKEN_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Colour(StrEnum):
    """Stands for a channel or a state."""

    RED = "red"


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Leave the log and the root logger as they were."""
    root = logging.getLogger()
    before = (log._sink.level, log._sink.stream, log._sink.render, log._sink.last)
    handlers, level = root.handlers[:], root.level
    yield
    log._sink.level, log._sink.stream, log._sink.render, log._sink.last = before
    root.handlers[:] = handlers
    root.setLevel(level)
    log.listeners.clear()


@pytest.fixture
def journal() -> io.StringIO:
    """Give the stream of a log in the journal's format, at debug."""
    stream = io.StringIO()
    log.setup("debug", "journal", stream)
    return stream


def test_a_journal_line(journal: io.StringIO) -> None:
    """An event is one line of priority, name and pairs, in the order given."""
    log.info("job.completed", job="c1", salon="s-1", type="reminder_2h", channel="email,sms", attempt="1/3", ms=12)
    expected = "<6>job.completed job=c1 salon=s-1 type=reminder_2h channel=email,sms attempt=1/3 ms=12\n"
    assert expected == journal.getvalue()


@pytest.mark.parametrize(
    ("write", "priority"), [(log.debug, "<7>"), (log.info, "<6>"), (log.warning, "<4>"), (log.error, "<3>")]
)
def test_priorities(journal: io.StringIO, write: Callable[..., None], priority: str) -> None:
    """Levels carry the priorities of sd-daemon(3)."""
    write("x.y")
    assert f"{priority}x.y\n" == journal.getvalue()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        ("plain", " v=plain"),
        ("", ' v=""'),
        ("two words", ' v="two words"'),
        ('say "hi"\\', r' v="say \"hi\"\\"'),
        ("a=b", ' v="a=b"'),
        ("a\r\n<0>job.forged", r' v="a\r\n<0>job.forged"'),
        ("\udc80\x00\u2028\x85\u202e", r' v="\udc80\x00\u2028\x85\u202e"'),
        ("für Zoë 日本", ' v="für Zoë 日本"'),
        (Colour.RED, " v=red"),
        (1.23456, " v=1.235"),
        pytest.param(10**5000, ' v="<int>"', id="a 5,000-digit integer"),
        ("y" * 300, f' v="{"y" * 199}…"'),
        (ValueError("no"), " v=no"),
    ],
)
def test_a_value(journal: io.StringIO, value: object, written: str) -> None:
    """Values are quoted where needed, cut where long, and spelled out where they could break a line."""
    log.info("x", v=value)
    assert f"<6>x{written}\n" == journal.getvalue()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("to joe.doe+x@example.com now", "to [email] now"),
        ("<jürgen@münchen.de>,b@c.de", "<[email]>,[email]"),
        ("?to=joe%40example.com&x", "?to=[email]"),
        ("ring +14155550123.", "ring [phone]."),
        ("ring +1 (415) 555-0123", "ring [phone]"),
        ("To=%2B14155550123&x", "To=[phone]&x"),
        ("postgresql://me:p@ss/w@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("host=db password=hunter2 user=me", "host=db password=*** user=me"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("2026-11-22T10:00:00+00:00 took +5 s", "2026-11-22T10:00:00+00:00 took +5 s"),
    ],
)
def test_what_is_personal_or_secret_is_masked(journal: io.StringIO, text: str, written: str) -> None:
    """Addresses, numbers and passwords never reach the journal, even if a caller lets them slip."""
    log.info("x", v=text)
    assert f'<6>x v="{written}"\n' == journal.getvalue()


def test_an_address_across_the_cut_is_masked(journal: io.StringIO) -> None:
    """Cutting a value does not let half an address escape the mask."""
    log.info("x", v="y" * 190 + " somebody@example.com")
    assert "someb" not in journal.getvalue()


@given(st.text(st.characters()), st.sampled_from(["journal", "console", "json"]))
def test_no_text_can_forge_a_line(text: str, form: log.Format) -> None:
    """Whatever a field holds, one event is one line, and can be encoded."""
    stream = io.StringIO()
    log.setup("info", form, stream)
    log.info("x", v=text, w=text)
    line = stream.getvalue()
    assert "\n" == line[-1]
    assert None is BROKEN_LINE.search(line.replace("\033", "")[:-1])
    assert line.encode()


def test_json_lines() -> None:
    """A JSON line has time, level, event and fields, numbers as numbers, and masks like the others."""
    stream = io.StringIO()
    log.setup("info", "json", stream)
    log.info("web.listening", port=8321, big=2**64, huge=10**5000, on=Colour.RED, off=None, to="a@b.de", odd="\udc80")
    seen = json.loads(stream.getvalue())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", seen.pop("time"))
    fields = {"port": 8321, "big": str(2**64), "huge": "<int>", "on": "red", "to": "[email]", "odd": "\\udc80"}
    assert {"level": "info", "event": "web.listening", **fields} == seen


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the format is for eyes: a clock, colours unless NO_COLOR is set, no priority."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    log.setup("info", None, terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    log.info("job.claimed", job="c1")
    monkeypatch.setenv("NO_COLOR", "1")
    log.info("job.claimed", job="c1")
    first, second = terminal.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d \033\[32mjob\.claimed\033\[0m job=c1", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d job\.claimed job=c1", second)


def test_no_terminal_means_journal() -> None:
    """Without a terminal the format is the journal's."""
    stream = io.StringIO()
    log.setup("info", None, stream)
    log.info("x")
    assert "<6>x\n" == stream.getvalue()


def test_levels_below_the_chosen_one_are_not_written() -> None:
    """The level holds back what is below it, not what is on it."""
    stream = io.StringIO()
    log.setup("warning", "journal", stream)
    log.info("quiet")
    log.warning("loud")
    assert "<4>loud\n" == stream.getvalue()


@pytest.mark.parametrize(("level", "form"), [("loud", "json"), ("info", "xml")])
def test_a_wrong_choice_names_the_right_ones(level: str, form: log.Format) -> None:
    """A level or format that does not exist is refused with those that do."""
    with pytest.raises(ValueError, match=r"does not exist; use one of (debug|journal), "):
        log.setup(level, form)


def test_a_bug_has_its_traceback_and_cannot_forge_a_line(journal: io.StringIO) -> None:
    """Every line of a traceback carries the event's name, also those that the error's text tries to begin."""
    try:
        int("no\n<0>kernel.panic for a@b.de".splitlines()[0])
    except ValueError as cause:
        error = ValueError("no\n<0>kernel.panic for a@b.de")
        error.__cause__ = cause
        log.exception("attempt.crashed", error, job="c1")
    head, *rest = journal.getvalue().splitlines()
    assert r'<3>attempt.crashed job=c1 error=ValueError detail="no\n<0>kernel.panic for [email]"' == head
    assert rest
    assert all(line.startswith("<3>attempt.crashed | ") for line in rest)
    assert "a@b.de" not in journal.getvalue()


def test_an_outage_is_one_line(journal: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that goes on is told at most once in its time, with the count of what was left out."""
    clock = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    for _ in range(5):
        log.at_most_every(1.0, "database.away", reason="refused")
    log.at_most_every(1.0, "listen.lost")
    clock += 1.0
    log.at_most_every(1.0, "database.away", reason="refused")
    expected = [
        "<4>database.away reason=refused",
        "<4>listen.lost",
        "<4>database.away reason=refused skipped=4",
    ]
    assert expected == journal.getvalue().splitlines()


def test_each_has_its_own_outage(journal: io.StringIO) -> None:
    """An event that happens to several is told of each."""
    for name in ("salon", "contacts", "salon"):
        log.at_most_every(1.0, "dashboard.unusable", name, dashboard=name)
    assert ["<4>dashboard.unusable dashboard=salon", "<4>dashboard.unusable dashboard=contacts"] == (
        journal.getvalue().splitlines()
    )


def test_libraries_speak_through_the_same_formatter(journal: io.StringIO) -> None:
    """Third-party warnings and errors become events; what they say below that, or say badly, does no harm."""
    library = logging.getLogger("some.library")
    library.info("body: secret")
    library.warning("gave up on %s\nat once", "joe@example.com")
    log._Library().handle(logging.LogRecord("other", log.ERROR, "", 0, "%d arguments", ("wrong",), None))
    expected = [
        r'<4>library.warned logger=some.library text="gave up on [email]\nat once"',
        '<3>library.failed logger=other text="%d arguments"',
    ]
    assert expected == journal.getvalue().splitlines()


def test_a_librarys_outage_is_one_line(journal: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that warns in a loop, with a traceback each time, gets one line a second without it."""
    clock = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    library = logging.getLogger("some.library")
    refused = ConnectionRefusedError("no")
    for _ in range(3):
        library.warning("retrying", exc_info=refused)
    clock += 1.0
    library.warning("retrying", exc_info=refused)
    line = "<4>library.warned logger=some.library text=retrying error=ConnectionRefusedError"
    assert [line, line + " skipped=2"] == journal.getvalue().splitlines()


def test_a_strangers_malformed_request_has_no_traceback(journal: io.StringIO) -> None:
    """What anybody can send to the port cannot fill the journal."""
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=BadStatusLine("x"))
    assert "<7>web.malformed error=BadStatusLine\n" == journal.getvalue()


def test_a_reader_that_went_away_stops_nothing() -> None:
    """A closed pipe at the other end is survived."""
    program = "from notifyd import log; log.setup('info', 'journal')\nfor n in range(20000): log.info('x', n=n)\n"
    child = subprocess.Popen(
        [sys.executable, "-c", program + "import os; os._exit(7)"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdout as out, child.stderr as err:
        out.readline()
        out.close()
        complaint = err.read()
    assert (7, b"") == (child.wait(20), complaint)


def test_a_narrow_locale_is_survived(tmp_path: Path) -> None:
    """A stream that can only write ASCII gets escapes, not an error."""
    with (tmp_path / "log").open("w", encoding="ascii") as stream:
        log.setup("info", "journal", stream)
        log.info("x", v="Zoë")
        assert r'<6>x v="Zo\xeb"' + "\n" == (tmp_path / "log").read_text("ascii")


def test_listeners_hear_every_level() -> None:
    """A test can wait on an event that is not even written."""
    heard: list[tuple[int, str, log.Fields]] = []
    log.setup("error", "journal", io.StringIO())
    log.listeners.append(lambda *event: heard.append(event))
    log.debug("x.y", job="c1")
    assert [(log.DEBUG, "x.y", {"job": "c1"})] == heard


def test_a_line_is_cheap(tmp_path: Path) -> None:
    """Three lines a job at thousands of jobs a second must not be what the daemon spends its time on."""
    with (tmp_path / "log").open("w") as stream:
        log.setup("info", "journal", stream)
        best = min(_microseconds_per_line() for _ in range(5))
    assert best < 40  # measured: 6; the room is for a busy machine, the test is for mistakes of a factor


def _microseconds_per_line(lines: int = 2_000) -> float:
    start = time.process_time()  # what it costs, however busy the machine is
    for _ in range(lines):
        log.info("job.completed", job="clx1234567890", salon="salon_42", type="reminder_2h", attempt="1/3", ms=12)
    return (time.process_time() - start) / lines * 1e6


def test_every_event_is_documented() -> None:
    """The reference and the code name the same events."""
    page = (ROOT / "docs/reference/logs.md").read_text()
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE))
    assert documented == {
        event
        for file in (ROOT / "src/notifyd").rglob("*.py")
        if "demo" not in file.parts
        for event in _events(ast.parse(file.read_text()), own=file.name == "log.py")
    }


def _events(tree: ast.AST, *, own: bool) -> Iterator[str]:
    """Find the events that a module tells, by their literal names: `log.info("x.y")`, `tell("x.y")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (own or re.search(r"\b(log\.|tell$)", ast.unparse(node.func))):
            for argument in node.args[:2]:
                if isinstance(argument, ast.Constant) and EVENT.fullmatch(str(argument.value)):
                    yield str(argument.value)
