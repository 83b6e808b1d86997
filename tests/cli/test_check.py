"""`notifyd check` proves each part of the configuration on the real thing, and names the cure of what fails."""

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from notifyd.demo.mail_sink import MailSink
from notifyd.demo.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn
from support.command_line import Answer, CommandLine
from support.databases import Databases

CLOSED = "postgresql://notifyd:hunter2@127.0.0.1:1/bookings"


@pytest.fixture
def checked(notifyd: CommandLine, database: str) -> CommandLine:
    """Give a command line whose configuration is well: a migrated database, and transports that reach nobody."""
    notifyd.environment |= {
        "NOTIFYD_DATABASE_URL": database,
        "NOTIFYD_EMAIL_TRANSPORT": "null",
        "NOTIFYD_SMS_TRANSPORT": "off",
        "NOTIFYD_HTTP_PORT": "0",
    }
    return notifyd


def findings(answer: Answer) -> dict[str, dict[str, Any]]:
    """Return the findings of `--json` by name."""
    told = json.loads(answer.out)
    assert told["ok"] is (answer.code == 0)
    return {finding["name"]: finding for finding in told["checks"]}


def failed(answer: Answer) -> dict[str, str]:
    """Return what failed, and what was said."""
    return {name: finding["detail"] for name, finding in findings(answer).items() if finding["ok"] is False}


async def test_all_is_well(checked: CommandLine) -> None:
    """A line for each proof, all ok, exit code 0; `--json` tells the same."""
    answer = checked("check")
    assert (0, "") == (answer.code, answer.err)
    names = ["configuration", "database", "table", "listen", "templates", "dashboards", "email", "sms", "http"]
    marks = [("-" if name == "dashboards" else "ok", name) for name in names]  # there is no booking system around
    assert marks == [tuple(line.split()[:2]) for line in answer.out.splitlines()]
    assert names == list(findings(checked("check", "--json")))


def test_wrong_configuration(notifyd: CommandLine) -> None:
    """A configuration that cannot be used exits with 2 before anything is connected to, in either form."""
    answer = notifyd("check", NOTIFYD_DATABASE_URL=CLOSED, NOTIFYD_LEASE="soon", NOTIFYD_SMTP_PASWORD="hunter2")
    assert (2, "") == (answer.code, answer.out)
    assert "NOTIFYD_LEASE: must be a duration" in answer.err
    assert "did you mean NOTIFYD_SMTP_PASSWORD?" in answer.err
    assert "hunter2" not in answer.err
    assert 2 == notifyd("check", "--json").code
    assert ["configuration"] == list(findings(notifyd("check", "--json")))


def test_database_away(checked: CommandLine) -> None:
    """Without a database what takes one is not looked at, the rest is, and the exit code is 3."""
    answer = checked("check", "--json", NOTIFYD_DATABASE_URL=CLOSED)
    assert 3 == answer.code
    assert {"database": False, "table": None, "listen": None, "templates": True} == {
        name: findings(answer)[name]["ok"] for name in ("database", "table", "listen", "templates")
    }
    assert "hunter2" not in answer.out + answer.err


async def test_table_never_migrated(checked: CommandLine, empty_database: str) -> None:
    """A database without the table is told so, with the cure."""
    answer = checked("check", "--json", NOTIFYD_DATABASE_URL=empty_database)
    assert 1 == answer.code
    assert "run `notifyd migrate`" in failed(answer)["table"]


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("drop trigger notifyd_fill on notification_jobs", "trigger notifyd_fill"),
        ("alter table notification_jobs disable trigger notifyd_wake", "trigger notifyd_wake"),
        ("drop index notifyd_pending", "index notifyd_pending"),
    ],
)
async def test_a_lost_piece_is_named(checked: CommandLine, database: str, damage: str, named: str) -> None:
    """A trigger or an index that somebody removed is named, and `notifyd migrate` puts it back."""
    connection = await asyncpg.connect(database)
    await connection.execute(damage)
    await connection.close()
    answer = checked("check", "--json")
    assert 1 == answer.code
    assert named in failed(answer)["table"]
    assert 0 == checked("migrate").code
    assert {} == failed(checked("check", "--json"))


async def test_port_in_use(checked: CommandLine) -> None:
    """A port that something else listens on is told before the daemon trips over it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        answer = checked("check", "--json", NOTIFYD_HTTP_PORT=str(other.getsockname()[1]))
    assert 1 == answer.code
    assert "NOTIFYD_HTTP_PORT takes another" in failed(answer)["http"]


async def test_address_of_another_machine(checked: CommandLine) -> None:
    """An address that this machine does not have names the key."""
    answer = checked("check", "--json", NOTIFYD_HTTP_HOST="192.0.2.1", NOTIFYD_HTTP_TOKEN="token")
    assert "correct NOTIFYD_HTTP_HOST" in failed(answer)["http"]


async def test_broken_template(checked: CommandLine, tmp_path: Path) -> None:
    """A template of the operator's that does not compile is named with its line."""
    (tmp_path / "cancellation").mkdir()
    (tmp_path / "cancellation" / "sms.txt").write_text("Hello\n{{ clientName")
    answer = checked("check", "--json", NOTIFYD_TEMPLATES_DIR=str(tmp_path))
    assert 1 == answer.code
    assert "cancellation/sms.txt line 2" in failed(answer)["templates"]


async def test_outbox(checked: CommandLine, tmp_path: Path) -> None:
    """The folder transport's directory is tried by writing; one that cannot be made names the key."""
    folder = {"NOTIFYD_EMAIL_TRANSPORT": "folder", "NOTIFYD_OUTBOX_DIR": str(tmp_path / "a" / "b")}
    assert {} == failed(checked("check", "--json", **folder))
    folder["NOTIFYD_OUTBOX_DIR"] = f"{__file__}/outbox"
    assert "NOTIFYD_OUTBOX_DIR" in failed(checked("check", "--json", **folder))["email"]


def smtp(sink: MailSink, **more: str) -> dict[str, str]:
    """Return the variables that lead to a sink."""
    plain = {"EMAIL_TRANSPORT": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(sink.port), "SMTP_TLS": "none"}
    chosen = plain | {"SMTP_FROM": "booking@example.com"} | more
    return {f"NOTIFYD_{key}": value for key, value in chosen.items()}


def twilio(stand_in: TwilioStandIn, **more: str) -> dict[str, str]:
    """Return the variables that lead to a stand-in."""
    chosen = {
        "SMS_TRANSPORT": "twilio",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_FROM": "+15551234567",
        "TWILIO_BASE_URL": stand_in.base_url,
    } | more
    return {f"NOTIFYD_{key}": value for key, value in chosen.items()}


async def test_mail_server(checked: CommandLine) -> None:
    """The mail server is connected to and greeted, and gets no mail."""
    async with MailSink() as sink:
        answer = await checked.alongside("check", "--json", **smtp(sink))
        assert {} == failed(answer)
        assert (1, 0, 0) == (sink.commands["ehlo"], sink.commands["mail"], len(sink.mails))


async def test_mail_server_away(checked: CommandLine) -> None:
    """A mail server that does not listen fails, with the keys to look at."""
    async with MailSink() as sink:
        await sink.stop_listening()
        answer = await checked.alongside("check", "--json", **smtp(sink))
    assert 1 == answer.code
    assert "see NOTIFYD_SMTP_HOST" in failed(answer)["email"]


async def test_mail_server_without_starttls(checked: CommandLine) -> None:
    """A server that offers no STARTTLS fails rather than being talked to in the clear."""
    async with MailSink() as sink:
        answer = await checked.alongside("check", "--json", **smtp(sink, SMTP_TLS="starttls"))
        assert 0 == sink.commands["mail"]
    assert "email" in failed(answer)


async def test_mail_login_refused(checked: CommandLine) -> None:
    """A login that is refused fails, and the password is not shown."""
    async with MailSink(script={"auth": "535 5.7.8 wrong, hunter2 is"}) as sink:
        login = {"SMTP_USERNAME": "salon", "SMTP_PASSWORD": "hunter2"}
        answer = await checked.alongside("check", "--json", **smtp(sink, **login))
    assert 1 == answer.code
    assert "_PASSWORD" in failed(answer)["email"]
    assert "hunter2" not in answer.out + answer.err


async def test_twilio_account(checked: CommandLine) -> None:
    """The account is fetched, and no message is posted."""
    async with TwilioStandIn() as stand_in:
        answer = await checked.alongside("check", "--json", **twilio(stand_in))
        assert {} == failed(answer)
        assert 0 == stand_in.posts


async def test_twilio_token_refused(checked: CommandLine) -> None:
    """A token that Twilio does not take fails, and is not shown."""
    async with TwilioStandIn() as stand_in:
        answer = await checked.alongside("check", "--json", **twilio(stand_in, TWILIO_AUTH_TOKEN="hunter2"))
    assert 1 == answer.code
    assert "see NOTIFYD_TWILIO_ACCOUNT_SID" in failed(answer)["sms"]
    assert "hunter2" not in answer.out + answer.err


def dashboard(folder: Path, sql: str) -> Path:
    """Write a dashboard of the operator's."""
    mine = folder / "dashboards/mine"
    mine.mkdir(parents=True, exist_ok=True)
    (mine / "dashboard.toml").write_text('title = "M"\nttl = 1\n[data.n]\nsql = "n.sql"\nshape = "value"\n')
    (mine / "n.sql").write_text(sql)
    return mine.parent


def test_dashboards(checked: CommandLine, tmp_path: Path) -> None:
    """Those that came with notifyd may lack their tables; the operator's own may not, nor hold a mistake."""
    folder = str(dashboard(tmp_path, "select count(*) from notification_jobs"))
    found = findings(checked("check", "--json"))["dashboards"]
    assert found["ok"] is None
    assert 'dashboard salon: zone.sql: relation "salons" does not exist' in found["detail"]
    assert found["detail"].startswith("usable: notifications (no_zones.sql for zone.sql); ")
    answer = checked("check", "--json", NOTIFYD_DASHBOARDS_DIR=folder)
    assert findings(answer)["dashboards"]["detail"].startswith("usable: mine")
    assert 0 == answer.code
    dashboard(tmp_path, "select count(*) from nothing")
    told = failed(checked("check", "--json", NOTIFYD_DASHBOARDS_DIR=folder))["dashboards"]
    assert 'dashboard mine: n.sql: relation "nothing" does not exist' == told
    dashboard(tmp_path, "delete from notification_jobs")
    told = failed(checked("check", "--json", NOTIFYD_DASHBOARDS_DIR=folder))["dashboards"]
    assert "n.sql: has DELETE FROM; a dashboard only reads" in told


async def test_a_dashboard_that_may_not_be_read(checked: CommandLine, databases: Databases, database: str) -> None:
    """A table that is there and that the daemon's role may not read fails with its GRANT, for one of ours as well."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "create table jobs (user_id text, status text);"
            "create table contacts (user_id text, role text, production text);"
            f"create role viewer login password '{databases.cluster.password}'"
        )
        await connection.execute(checked("migrate", "--role", "viewer").out)
        role = databases.cluster.dsn(urlsplit(database).path.strip("/"), user="viewer")
        told = failed(checked("check", "--json", NOTIFYD_DATABASE_URL=role))["dashboards"]
        grant = "grant select on jobs to viewer"
        assert f"dashboard contacts: jobs.sql: permission denied for table jobs; {grant}" == told
        indexes = checked("indexes", "--json", NOTIFYD_DATABASE_URL=role)
        assert [told] == [finding["text"] for finding in json.loads(indexes.out)["findings"]]
        await connection.execute(f"{grant}; grant select on contacts to viewer")
        assert {} == failed(checked("check", "--json", NOTIFYD_DATABASE_URL=role))
    finally:
        await connection.execute("drop owned by viewer; drop role viewer")
        await connection.close()


def test_a_replica_that_is_away(checked: CommandLine) -> None:
    """The dashboards alone suffer, and the key is named that leads there."""
    told = failed(checked("check", "--json", NOTIFYD_REPLICA_URL=CLOSED))
    assert ["dashboards"] == list(told)
    assert "NOTIFYD_REPLICA_URL" in told["dashboards"]
    assert "hunter2" not in told["dashboards"]
