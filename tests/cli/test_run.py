"""`notifyd run` as a service manager sees it: how it starts, and with which code it ends."""

from pathlib import Path
from urllib.parse import urlsplit

from support.command_line import CommandLine
from support.daemon import DaemonProcess


def test_wrong_configuration_exits_with_2(notifyd: CommandLine) -> None:
    """Every problem is told at once, on standard error, and nothing is started."""
    answer = notifyd("run", NOTIFYD_LEESE="60", NOTIFYD_SMTP_HOST="mail.example.com", NOTIFYD_SMS_TRANSPORT="off")
    assert (2, "") == (answer.code, answer.out)
    told = "NOTIFYD_LEESE: is no key of notifyd; did you mean NOTIFYD_LEASE?"
    keys = [line.strip().split(":")[0] for line in answer.err.splitlines()]
    assert ["notifyd", "NOTIFYD_LEESE", "NOTIFYD_DATABASE_URL", "NOTIFYD_SMTP_FROM"] == keys
    assert told in answer.err


def test_configuration_file(notifyd: CommandLine, tmp_path: Path) -> None:
    """`--config` names the file, and its problems name it too."""
    path = tmp_path / "own.toml"
    path.write_text('smtp_hots = "mail.example.com"')
    answer = notifyd("run", "--config", str(path))
    assert 2 == answer.code
    assert f"smtp_hots in {path}: is no key of notifyd; did you mean smtp_host in {path}?" in answer.err


async def test_no_table_exits_with_1(notifyd: CommandLine, empty_database: str) -> None:
    """A database that was never migrated ends the start with the cure: waiting would not help."""
    transports = {"NOTIFYD_EMAIL_TRANSPORT": "null", "NOTIFYD_SMS_TRANSPORT": "null", "NOTIFYD_HTTP_PORT": "0"}
    answer = notifyd("run", DATABASE_URL=empty_database, **transports)
    assert 1 == answer.code
    assert "notifyd migrate" in answer.out + answer.err
    assert "Traceback" not in answer.out + answer.err


async def test_wrong_password_exits_with_3(notifyd: CommandLine, database: str) -> None:
    """A password that is not accepted is told, never shown, and not waited for."""
    parts = urlsplit(database)
    wrong = parts._replace(netloc=f"{parts.username}:hunter2@{parts.hostname}:{parts.port}", query="").geturl()
    transports = {"NOTIFYD_EMAIL_TRANSPORT": "null", "NOTIFYD_SMS_TRANSPORT": "null", "NOTIFYD_HTTP_PORT": "0"}
    answer = notifyd("run", DATABASE_URL=wrong, **transports)
    assert 3 == answer.code
    assert "user or the password is not accepted" in answer.err
    assert "hunter2" not in answer.out + answer.err


async def test_a_stop_exits_with_0(database: str, tmp_path: Path) -> None:
    """SIGTERM ends it well."""
    with DaemonProcess(database, tmp_path) as daemon:
        await daemon.wait_for_event("daemon.ready")
        assert 0 == await daemon.terminate()


async def test_secrets_stay_out_of_the_log(database: str, tmp_path: Path) -> None:
    """No secret of the configuration is ever logged, at the most talkative level."""
    secrets = {"smtp_password": "hunter2", "twilio_auth_token": "hunter3", "http_token": "hunter4"}
    with DaemonProcess(database, tmp_path, smtp_username="u", log_level="debug", **secrets) as daemon:
        await daemon.wait_for_event("daemon.ready")
        await daemon.terminate()
        log = daemon.log.read_text()
    assert [] == [secret for secret in secrets.values() if secret in log]
