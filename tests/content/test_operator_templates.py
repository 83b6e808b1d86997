"""Templates of the operator's: they come first, add types, and are named when they are at fault."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from notifyd.content import Renderer
from notifyd.content.preview import preview, problems, sample_job
from notifyd.model.fault import Fault
from notifyd.model.job import Channel
from notifyd.model.payload import parse


def write(folder: Path, **files: str) -> None:
    """Write templates; a double underscore stands for the dot of the ending."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)


def sms(folder: Path, template: str, **data: object) -> str:
    """Render an SMS from a template of the operator's, of a type of its own."""
    write(folder / "news", sms__txt=template)
    payload = {"clientPhone": "+4915112345678", "clientName": "Anna", **data}
    found = preview(Renderer(folder), sample_job("news", json.dumps(payload))).sms
    assert found is not None
    return found.body


def test_a_file_takes_the_place_of_the_built_in_one(tmp_path: Path) -> None:
    """One overridden file changes that file alone."""
    write(tmp_path / "reminder_2h", subject__txt="Bis gleich, {{ clientName }}!")
    built_in, own = (
        preview(renderer, sample_job("reminder_2h")).email for renderer in (Renderer(), Renderer(tmp_path))
    )
    assert built_in is not None
    assert own is not None
    assert "Bis gleich, Anna Schmidt!" == own.subject
    assert built_in.text == own.text


def test_the_shared_design_can_be_replaced(tmp_path: Path) -> None:
    """A base.html of the operator's dresses all types."""
    write(tmp_path, base__html="<p>{% block title %}{% endblock %}</p>")
    found = preview(Renderer(tmp_path), sample_job("cancellation")).email
    assert found is not None
    assert "<p>Appointment cancelled</p>" == found.html.strip()


def test_a_folder_adds_a_type(tmp_path: Path) -> None:
    """It has the channels it has templates for, an e-mail of text alone gets HTML, and extra keys can be used."""
    write(
        tmp_path / "review", subject__txt="How was it?", text__txt="Dear {{ clientName }},\n\ntell us:\n{{ data.link }}"
    )
    renderer = Renderer(tmp_path)
    assert "review" in renderer.types()
    assert frozenset({Channel.EMAIL}) == renderer.channels("review")
    payload = {"clientEmail": "a@example.com", "clientName": "A <b>", "link": "https://example.com/?a=1&b=2"}
    found = preview(renderer, sample_job("review", json.dumps(payload))).email
    assert found is not None
    assert "How was it?" == found.subject
    assert "Dear A <b>,\n\ntell us:\nhttps://example.com/?a=1&b=2\n" == found.text
    assert "Dear A &lt;b&gt;,<br><br>tell us:<br>https://example.com/?a=1&amp;b=2" in found.html


def test_a_channel_without_a_template_is_a_fault(tmp_path: Path) -> None:
    """The row's other channel is not harmed by it."""
    write(tmp_path / "review", subject__txt="x", text__txt="x", other__txt="{{ nonsense")
    job = sample_job("review")
    with pytest.raises(Fault, match=r"^type: has no template for sms$"):
        Renderer(tmp_path).render(job, parse(job), Channel.SMS)


BROKEN = [
    ("Hi\n{{ clientNam }}", "template news/sms.txt line 2: 'clientNam' is undefined"),
    ("{{ data.link }}", "template news/sms.txt line 1: uses something that is not there"),
    ("{{ data[clientName] }}", "template news/sms.txt line 1: uses something that is not there"),
    (
        "a\nb\n{% if %}",
        "template news/sms.txt line 3: is not a template: Expected an expression, got 'end of statement block'",
    ),
    ("{% include clientName %}", "template news/sms.txt line 1: includes a template that does not exist"),
    ("{% include '../../../etc/passwd' %}", "template news/sms.txt line 1: includes a template that does not exist"),
    ("{{ 1 / 0 }}", "template news/sms.txt line 1: raised ZeroDivisionError"),
    ("{{ clientName + 1 }}", "template news/sms.txt line 1: raised TypeError"),
    ("{{ ''.__class__ }}", "template news/sms.txt line 1: reaches for what the sandbox forbids"),
    ("{{ ''.__class__.__mro__ }}", "template news/sms.txt line 1: reaches for what the sandbox forbids"),
    ("{{ when.__init__.__globals__ }}", "template news/sms.txt line 1: reaches for what the sandbox forbids"),
    ("{{ '{0.__class__}'.format(data) }}", "template news/sms.txt line 1: reaches for what the sandbox forbids"),
    ("{{ data.list.append(1) }}", "template news/sms.txt line 1: reaches for what the sandbox forbids"),
    ("{{ range(10**9) }}", "template news/sms.txt line 1: raised OverflowError"),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "template news/sms.txt line 1: raised RecursionError"),
    ("{{ data.list }}", "template news/sms.txt line 1: prints a value that is no text"),
    ("{{ data.nothing }}", "template news/sms.txt line 1: prints a value that is true, false or null"),
    ("{{ data.lost }}", "template news/sms.txt line 1: prints a value that holds the JavaScript leftover undefined"),
    (
        "{{ data.lost|safe }}",
        "template news/sms.txt line 1: prints a value that holds the JavaScript leftover undefined",
    ),
    ("{{ data.nul }}", "template news/sms.txt line 1: prints a value that holds U+0000"),
    ("{{ when }}", "payload.startTime: is missing, and so is dateTime"),
    ("{{ 'at ' ~ when }}", "payload.startTime: is missing, and so is dateTime"),
    ("{{ when.short }}", "payload.startTime: is missing, and so is dateTime"),
    ("{{ start.year }}", "payload.startTime: is missing, and so is dateTime"),
    ("{% if when %}never{% endif %}", "template news/sms.txt: makes 0 characters, an SMS has 1 to 1600"),
    ("{{ 'x' * 1601 }}", "template news/sms.txt: makes 1601 characters, an SMS has 1 to 1600"),
]


@pytest.mark.parametrize(("template", "expected"), BROKEN)
def test_a_template_at_fault_is_named_with_its_line(tmp_path: Path, template: str, expected: str) -> None:
    """The fault tells the operator where to look, and holds no value of the row."""
    with pytest.raises(Fault) as caught:
        sms(tmp_path, template, list=[1], nothing=None, lost="undefined", nul="a\x00b")
    assert str(caught.value).startswith(expected.replace("holds U+0000", "holds the character U+0000"))
    assert "Anna" not in str(caught.value)


def test_a_fault_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    """The innermost template is the one to mend."""
    write(tmp_path, greeting__txt="\n\n{{ nobody }}")
    with pytest.raises(Fault, match=r"^template greeting\.txt line 3: 'nobody' is undefined$"):
        sms(tmp_path, "{% include 'greeting.txt' %}")


def test_a_template_may_format_the_time_itself(tmp_path: Path) -> None:
    """`start` is the salon's time."""
    template = "{{ start.strftime('%I:%M %p') }}, {{ data.price }} {{ data.count }}"
    data = {"startTime": "2026-11-24T13:30:00Z", "salonTimezone": "Europe/Berlin", "price": 12.5, "count": 2}
    assert "02:30 PM, 12.5 2" == sms(tmp_path, template, **data)


def test_sms_lines_are_tidied_and_folded(tmp_path: Path) -> None:
    """Blanks of the template's layout cost nothing, typographic quotes neither."""
    assert "Hi 'Anna'\nBye" == sms(tmp_path, "  Hi   \u2018{{ clientName }}\u2019 \n\n\n Bye\n")


def test_problems_names_every_bad_template(tmp_path: Path) -> None:
    """`notifyd check` finds what is wrong before a client's message does."""
    write(tmp_path / "reminder_2h", sms__txt="{{ typo }}")
    write(tmp_path / "half", subject__txt="only a subject")
    write(tmp_path / ".git", sms__txt="not a type")
    write(tmp_path / "_parts", sms__txt="not a type")
    assert [
        "template half: has neither sms.txt nor both subject.txt and text.txt",
        "template reminder_2h/sms.txt line 1: 'typo' is undefined",
    ] == list(problems(Renderer(tmp_path)))
    assert [] == list(problems(Renderer()))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """A wrong path is found at start, not at the first message."""
    with pytest.raises(NotADirectoryError, match=r"^templates_dir: "):
        Renderer(tmp_path / "missing")


def test_a_type_from_a_row_cannot_leave_the_folder(tmp_path: Path) -> None:
    """Even where the path that it names exists."""
    write(tmp_path / "secret", sms__txt="secret")
    write(tmp_path / "templates" / "news", sms__txt="x")
    job = sample_job("news")
    renderer = Renderer(tmp_path / "templates")
    for type_ in ("../secret", "news/../../secret", str(tmp_path / "secret")):
        with pytest.raises(Fault, match=r"^type: has no templates"):
            renderer.render(replace(job, type=type_), parse(job), Channel.SMS)
