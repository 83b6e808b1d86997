"""README.md shows what works: the INSERT, the configuration, the template, the tables of payload and states."""

import json
import re
from pathlib import Path

import pytest

from docs.pages import ROOT, blocks, table
from notifyd.content import Renderer
from notifyd.content.preview import preview, problems, sample_job
from notifyd.model.job import Channel, State
from notifyd.model.payload import parse
from notifyd.settings import Need, load
from notifyd.store.table import REQUIRED
from support.waiting import until
from support.world import World

PAGE = "README.md"


async def test_the_insert_leads_to_both_messages(world: World) -> None:
    """The SQL of the README, committed with the booking, ends as one e-mail and one SMS."""
    (insert,) = blocks(PAGE, "sql")
    with world.daemon() as daemon:
        async with world.booking.transaction():
            await world.booking.execute(insert.text)
        done = "select true from notification_jobs where status = 'completed' and error is null"
        await until(lambda: world.booking.fetchval(done), hint=daemon.tail)
        assert [] == daemon.events("job.odd")
    (mail,), (sms,) = world.mail.mails, world.twilio.messages
    assert ("anna@example.com",) == mail.envelope_to
    assert ("+4915112345678", True) == (sms.to, "Tue 24 Nov at 14:30" in sms.body)


def test_the_template_renders(tmp_path: Path) -> None:
    """The files of the worked example make a new type with both channels, with and without its own key."""
    for block in blocks(PAGE, "jinja"):
        path = tmp_path / block.before.strip("`")
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text)
    renderer = Renderer(tmp_path)
    assert [] == list(problems(renderer))
    assert frozenset(Channel) == renderer.channels("follow_up")
    data = {"clientName": "Anna", "clientEmail": "a@example.com", "clientPhone": "+4915112345678", "salonName": "Lumi"}
    shown = preview(renderer, sample_job("follow_up", json.dumps({**data, "reviewLink": "https://example.com/r/1"})))
    assert shown.email is not None
    assert shown.sms is not None
    assert "How was your visit to Lumi?" == shown.email.subject
    assert "Hello Anna,\n\nthank you for coming." in shown.email.text
    assert "Tell us here: https://example.com/r/1" in shown.email.text
    assert "https://example.com/r/1" in shown.email.html
    assert "Lumi: thank you for coming! How was it?" == shown.sms.body


def test_names_of_templates_exist(tmp_path: Path) -> None:
    """What the section on templates says that templates know, they know."""
    folder = tmp_path / "all"
    folder.mkdir()
    names = "when.short when.date when.time when.until when.zone start end type data.clientName salonEmail dateTime"
    (folder / "sms.txt").write_text(" ".join(f"{{{{ {name} }}}}" for name in names.split()))
    shown = preview(Renderer(tmp_path), sample_job("all")).sms
    assert shown is not None
    assert shown.body.startswith("Tue 24 Nov at 14:30 Tuesday, 24 November 2026 14:30 15:15 CET 2026-11-24")


def test_the_configuration_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of the README and the three credentials that it names are all that `notifyd run` needs."""
    (toml,) = blocks(PAGE, "toml")
    (config := tmp_path / "notifyd.toml").write_text(toml.text)
    (tmp_path / "credentials").mkdir()
    named = re.search(r"one file a secret: ([\w, ]+)", (ROOT / PAGE).read_text())
    assert named is not None
    for key in named[1].split(", "):  # systemd puts the credential's name, notifyd, before the file's
        (tmp_path / "credentials" / f"notifyd_{key}").write_text("postgresql://notifyd@localhost/bookings\n")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert "mail.example.com" == load(config, Need.SENDING).smtp_host


def test_every_key_of_the_payload_is_told() -> None:
    """The table has the keys that the payload is read for, and no other."""
    source = (ROOT / "src/notifyd/model/payload.py").read_text()
    keys = r'"(type|channels|(?:client|service|staff|salon)[A-Z]\w+|\w+Time|sendAt|expiresAt)"'
    told = [key for row in table(PAGE, "The payload") for key in re.findall(r"`(\w+)`", row[0])]
    assert sorted(set(re.findall(keys, source))) == sorted(told)


def test_both_shapes_are_read_alike() -> None:
    """The nested payload of the INSERT and its flat twin are the same booking."""
    (insert,) = blocks(PAGE, "sql")
    (nested,) = re.findall(r"'(\{.*\})'", insert.text, re.DOTALL)
    flat = json.dumps({**json.loads(nested)["data"], "channels": json.loads(nested)["channels"]})
    first, second = (parse(sample_job("booking_confirmation", payload)) for payload in (nested, flat))
    assert ((), ()) == (first.warnings, second.warnings)
    assert (first.email, first.phone, first.start) == (second.email, second.phone, second.start)


def test_every_state_is_told() -> None:
    """The table of states has each value of the column, once."""
    told = [row[0].strip("`") for row in table(PAGE, "What the row says")]
    assert sorted(state.value for state in State) == sorted(told)


def test_the_prisma_model_has_the_columns() -> None:
    """The model maps to exactly the columns of the contract."""
    (model,) = blocks(PAGE, "prisma")
    fields = re.findall(r'(?m)^  (\w+) +\w+\??.*?(?:@map\("(\w+)"\))?$', model.text)
    assert sorted(REQUIRED) == sorted(column or name for name, column in fields)
