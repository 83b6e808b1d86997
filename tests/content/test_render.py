"""The built-in templates: every type on every channel, and what strangers' values do to them."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.content import Renderer
from notifyd.content.preview import Preview, preview, sample_job
from notifyd.content.sms import Alphabet
from notifyd.model.fault import Fault
from notifyd.model.message import Email

RENDERER = Renderer()
TYPES = ("booking_confirmation", "cancellation", "reminder_24h", "reminder_2h")
DATA: dict[str, Any] = {
    "clientName": "Anna Schmidt",
    "clientEmail": "anna@example.com",
    "clientPhone": "+4915112345678",
    "serviceName": "Haircut & Blow-dry",
    "staffName": "Maria Rossi",
    "salonName": "Salon Lumière",
    "salonAddress": "Lindenstraße 12, 10969 Berlin",
    "startTime": "2026-11-24T13:30:00.000Z",
    "endTime": "2026-11-24T14:15:00.000Z",
    "salonTimezone": "Europe/Berlin",
    "salonEmail": "hello@lumiere.example.com",
}
OPTIONAL = ("clientName", "serviceName", "staffName", "salonName", "salonAddress", "endTime", "salonEmail")


def rendered(type_: str = "booking_confirmation", **changes: object) -> Preview:
    """Render a booking with some of its data changed."""
    return preview(RENDERER, sample_job(type_, json.dumps(DATA | changes)))


def email(type_: str = "booking_confirmation", **changes: object) -> Email:
    """Render its e-mail."""
    found = rendered(type_, **changes).email
    assert found is not None
    return found


def texts(found: Preview) -> tuple[str, ...]:
    """Return all that a client might read."""
    assert found.email is not None
    assert found.sms is not None
    return found.email.subject, found.email.text, found.email.html, found.sms.body


class _Reader(HTMLParser):
    """Gathers the tags and the visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read_html(html: str) -> _Reader:
    """Read a page as a browser would."""
    reader = _Reader()
    reader.feed(html)
    return reader


def test_the_types_are_the_contracts() -> None:
    """The four types that booking systems write."""
    assert TYPES == RENDERER.types()


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_tells_all_the_facts(type_: str) -> None:
    """Subject, text, HTML and SMS each say where and when; the e-mail says all there is."""
    found = rendered(type_)
    subject, text, html, sms = texts(found)
    for short in (subject, sms):
        assert "Salon Lumière" in short
        assert "Tue 24 Nov at 14:30" in short
    visible = read_html(html).text
    for fact in ("Anna Schmidt", "Haircut & Blow-dry", "Maria Rossi", "Lindenstraße 12, 10969 Berlin"):
        assert fact in text
        assert fact in visible
    assert "Tuesday, 24 November 2026 at 14:30 to 15:15 (CET)" in text
    assert "14:30 – 15:15" in visible  # noqa: RUF001 - a dash between times
    assert found.email is not None
    assert ("anna@example.com", "Anna Schmidt", "Salon Lumière", "hello@lumiere.example.com") == (
        found.email.to,
        found.email.to_name,
        found.email.from_name,
        found.email.reply_to,
    )
    assert found.sms is not None
    assert "+4915112345678" == found.sms.to


@pytest.mark.parametrize("type_", TYPES)
def test_an_sms_is_one_segment_for_ordinary_names(type_: str) -> None:
    """Rather long names of all parts still cost one segment of GSM-7."""
    names = {"clientName": "Katharina Müller", "salonName": "Haarstudio Sonnenschein", "serviceName": "Balayage & Cut"}
    for found in (rendered(type_), rendered(type_, **names)):
        assert found.size is not None
        assert (Alphabet.GSM_7, 1) == (found.size.alphabet, found.size.segments)


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("absent", [*[(key,) for key in OPTIONAL], OPTIONAL], ids=" ".join)
def test_missing_facts_drop_out_of_the_sentences(type_: str, absent: tuple[str, ...]) -> None:
    """No gap, dangling word or double punctuation stays where an optional fact was."""
    found = rendered(type_, **dict.fromkeys(absent))
    subject, text, html, sms = texts(found)
    visible = " ".join(read_html(html).text.split())
    for shown in (subject, text, visible, sms):
        assert not re.search(
            r"None|undefined| (with|at|for)\s*[.,:!]|[,:] *[,:.]|\(\)|\b(with|at) +(is|on)\b", shown
        ), shown
        assert "  " not in shown.replace("When:  ", "").replace("What:  ", "").replace("With:  ", "")
    assert not re.search(r"\n\n\n|^\s|: *$", text)


def test_the_fallback_is_the_preformatted_text() -> None:
    """Without a zone the booking system's own words are told; without these it is a fault that names the cure."""
    for words in texts(rendered(salonTimezone=None, dateTime="24.11., 14:30 Uhr")):
        assert "24.11., 14:30 Uhr" in words
    with pytest.raises(Fault, match=r"^payload\.salonTimezone: is missing: without it startTime is not"):
        rendered(salonTimezone=None)
    with pytest.raises(Fault, match=r"^payload\.startTime: is missing, and so is dateTime$"):
        rendered(startTime=None)
    nested = json.dumps({"data": DATA | {"startTime": None}})
    with pytest.raises(Fault, match=r"^payload\.data\.startTime: is missing, and so is dateTime$"):
        preview(RENDERER, sample_job("reminder_2h", nested))


@pytest.mark.parametrize(
    "type_", ["", "no_such_type", "../../etc", "booking_confirmation/..", "base.html", "\x00", "x" * 10**5]
)
def test_an_unknown_type_is_a_fault(type_: str) -> None:
    """It names the field and the cure, and leads nowhere."""
    with pytest.raises(Fault) as caught:
        rendered(type_)
    assert f"type: has no templates: correct it, or add them; known are {', '.join(TYPES)}" == str(caught.value)


def test_names_are_data() -> None:
    """What looks like a template or like markup arrives as it was written."""
    found = rendered(clientName="{{ 7*7 }} {% raw %}", serviceName="<script>alert('x')</script>", staffName="A & B")
    subject, text, html, sms = texts(found)
    for plain in (text, sms):
        assert "{{ 7*7 }} {% raw %}" in plain
        assert "<script>alert('x')</script>" in plain
        assert "A & B" in plain
    reader = read_html(html)
    assert "script" not in reader.tags
    assert "<script>alert('x')</script>" in reader.text
    assert "Salon Lumière" in subject


def test_an_encoded_word_reaches_no_header() -> None:
    """It stays readable, and no mail program decodes what was hidden in it."""
    found = email(salonName="=?utf-8?Q?=0D=0ABcc:eve@example.com?=", clientName="=?utf-8?b?QQ==?=")
    for header in (found.subject, found.from_name, found.to_name):
        assert "=?" not in header
        assert "utf-8" in found.from_name
    assert "= ?utf-8?Q?=0D=0ABcc:eve@example.com?=" == found.from_name


@given(st.fixed_dictionaries({}, optional={key: st.text() for key in (*OPTIONAL[:5], "dateTime")}))
def test_no_header_holds_a_control_character(changes: dict[str, str]) -> None:
    """Whatever the names are: a fault, or headers of one clean line and HTML with the same tags as ever."""
    tags = set(read_html(email().html).tags)
    try:
        found = email(**changes)
    except Fault:
        return
    for header in (found.subject, found.to_name, found.from_name, found.reply_to or "", found.to):
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|=\\?", header)
    assert set(read_html(found.html).tags) <= tags
    found.text.encode()


@given(st.text(st.sampled_from("<>&\"'/=ab "), max_size=30))
def test_html_always_escapes(name: str) -> None:
    """No name opens a tag, and a browser shows it as it was written."""
    reader = read_html(email(clientName=name, serviceName=name, salonAddress=name, salonName=name).html)
    assert set(reader.tags) <= set(read_html(email().html).tags)
    assert f"Hello {name.strip()}".strip() in reader.text


@pytest.mark.parametrize("type_", TYPES)
def test_html_brings_nothing_from_outside(type_: str) -> None:
    """No image, font or script is loaded, and it opens with its preheader."""
    html = email(type_).html
    assert not re.search(r"https?://|<img|<script|<link|@import|url\(", html)
    assert html.lstrip().startswith("<!doctype html>")
    assert "Tue 24 Nov at 14:30, Haircut &amp; Blow-dry with Maria Rossi" in html
