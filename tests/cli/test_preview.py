"""`notifyd preview` shows what a client would read, without database, network or configuration."""

import json
from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.jobs import payload

TYPES = ["booking_confirmation", "reminder_24h", "reminder_2h", "cancellation"]


@pytest.mark.parametrize("type_", TYPES)
def test_every_type(notifyd: CommandLine, type_: str) -> None:
    """Each built-in type shows an e-mail with its heads and an SMS within one segment."""
    answer = notifyd("preview", type_)
    assert (0, "") == (answer.code, answer.err)
    assert "--- email\nFrom:     Salon" in answer.out
    assert "--- sms: 1 segment, " in answer.out


def test_own_payload(notifyd: CommandLine, tmp_path: Path) -> None:
    """A payload from a file is used, and one from standard input is said to be read."""
    path = tmp_path / "payload.json"
    path.write_text(json.dumps(payload("sms", clientName="Zoë Łukasz")))
    answer = notifyd("preview", "cancellation", "--payload", str(path))
    assert 0 == answer.code
    assert "Zoë Łukasz" in answer.out
    assert "made longer by ë Ł\n" in answer.out
    assert "--- email" not in answer.out


def test_one_channel(notifyd: CommandLine) -> None:
    """`--channel` leaves the other one out; one that cannot be had is an explained error."""
    assert "--- sms" not in notifyd("preview", "cancellation", "--channel", "email").out
    assert "--- email" not in notifyd("preview", "cancellation", "--channel", "sms").out


def test_channel_without_address(notifyd: CommandLine, tmp_path: Path) -> None:
    """A channel that the payload has no address for is told."""
    path = tmp_path / "payload.json"
    path.write_text(json.dumps(payload(clientPhone=None)))
    answer = notifyd("preview", "cancellation", "--payload", str(path), "--channel", "sms")
    assert (1, "") == (answer.code, answer.out)
    assert answer.err.startswith("notifyd: no sms: ")


def test_html(notifyd: CommandLine, tmp_path: Path) -> None:
    """`--html` writes the e-mail's design to a file."""
    assert 0 == notifyd("preview", "reminder_24h", "--html", "mail.html").code
    assert "<html" in (tmp_path / "mail.html").read_text()


def test_html_without_an_email(notifyd: CommandLine) -> None:
    """There is no HTML of an SMS."""
    answer = notifyd("preview", "reminder_24h", "--channel", "sms", "--html", "mail.html")
    assert 1 == answer.code
    assert "no e-mail" in answer.err


def test_json(notifyd: CommandLine) -> None:
    """`--json` has both messages and the size of the SMS."""
    told = json.loads(notifyd("preview", "reminder_2h", "--json").out)
    assert ["email", "sms", "size"] == list(told)
    assert {"subject", "text", "html"} <= told["email"].keys()
    assert 1 == told["size"]["segments"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "payload: "),
        ("[]", "payload: "),
        (json.dumps(payload(clientName="undefined")), "clientName: "),
        (json.dumps(payload(salonTimezone="Mars/Olympus")), "salonTimezone: "),
    ],
)
def test_bad_payload(notifyd: CommandLine, tmp_path: Path, content: str, told: str) -> None:
    """A payload that would fail in the daemon fails here with the same words, and exit code 1."""
    path = tmp_path / "payload.json"
    path.write_text(content)
    answer = notifyd("preview", "cancellation", "--payload", str(path))
    assert (1, "") == (answer.code, answer.out)
    assert told in answer.err


def test_unknown_type(notifyd: CommandLine) -> None:
    """A type without templates names those that have some."""
    answer = notifyd("preview", "confirmation")
    assert 1 == answer.code
    assert all(type_ in answer.err for type_ in TYPES)


def test_own_templates(notifyd: CommandLine, tmp_path: Path) -> None:
    """A template in the operator's directory takes the place of the built-in one."""
    (tmp_path / "templates" / "cancellation").mkdir(parents=True)
    (tmp_path / "templates" / "cancellation" / "sms.txt").write_text("Sorry, {{ clientName }}!")
    answer = notifyd("preview", "cancellation", "--channel", "sms", NOTIFYD_TEMPLATES_DIR="templates")
    assert answer.out.endswith("Sorry, Anna Schmidt!\n")


def test_missing_payload_file_is_wrong_usage(notifyd: CommandLine) -> None:
    """A file that is not there exits with 2."""
    assert 2 == notifyd("preview", "cancellation", "--payload", "nowhere.json").code
