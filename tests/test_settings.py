"""The configuration: where it comes from, what is refused, and what the operator is told."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from notifyd.settings import ConfigurationError, Need, Settings, load

SECRET = "hunter2-do-not-print"
DSN = f"postgresql://notifyd:{SECRET}@db.example.com/bookings"
SID = "AC0123456789abcdef0123456789abcdef"


class Configuration:
    """An environment, a file and credentials that start empty."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        self._monkeypatch = monkeypatch
        self.path = directory / "notifyd.toml"
        self.path.touch()

    def environment(self, **variables: str) -> None:
        """Set variables by their whole names."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def file(self, text: str) -> None:
        """Write the file."""
        self.path.write_text(text)

    def credentials(self, **files: str) -> None:
        """Make a credentials directory as systemd does."""
        directory = self._directory / "credentials"
        directory.mkdir()
        for name, content in files.items():
            (directory / name).write_text(content)
        self._monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))

    def load(self, need: Need = Need.NOTHING) -> Settings:
        """Read it all."""
        return load(self.path, need)

    def problems(self, need: Need = Need.NOTHING) -> list[str]:
        """Return what is wrong with it; it must be something."""
        with pytest.raises(ConfigurationError) as caught:
            self.load(need)
        assert SECRET not in str(caught.value)
        return caught.value.problems


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """Give a configuration of one's own, free of what this process inherited."""
    for name in [name for name in os.environ if name.startswith("NOTIFYD_")]:
        monkeypatch.delenv(name)
    for name in ("DATABASE_URL", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    return Configuration(tmp_path, monkeypatch)


def only(problems: list[str]) -> str:
    """Return the one problem."""
    (problem,) = problems
    return problem


def test_defaults_of_the_interface(configuration: Configuration) -> None:
    """What scripts rely on holds when nothing is configured."""
    settings = configuration.load()
    expected = {
        "table": "public.notification_jobs",
        "poll_interval": timedelta(seconds=5),
        "lease": timedelta(seconds=60),
        "grace": timedelta(seconds=25),
        "retry_base": timedelta(seconds=30),
        "retry_max": timedelta(hours=1),
        "retention_completed": timedelta(days=7),
        "retention_failed": timedelta(days=30),
        "email_transport": "smtp",
        "sms_transport": "twilio",
        "smtp_port": 587,
        "smtp_tls": "starttls",
        "unknown_sms": "reconcile",
        "unknown_email": "resend",
        "reconcile_grace": timedelta(seconds=60),
        "public_url": None,
        "http_host": "127.0.0.1",
        "http_port": 8321,
        "http_token": None,
        "log_level": "info",
        "log_format": None,
    }
    assert expected == {key: getattr(settings, key) for key in expected}


@pytest.mark.parametrize("end", ["", "/", "/receipts/twilio"])
def test_the_public_address(configuration: Configuration, end: str) -> None:
    """The public address may be written with our own path or without it, and with a path of the proxy's before it."""
    assert configuration.load().receipts_url is None
    configuration.file(f'public_url = "https://example.com/notifyd{end}"')
    settings = configuration.load()
    assert "https://example.com/notifyd" == settings.receipts_origin
    assert "https://example.com/notifyd/receipts/twilio" == settings.receipts_url


def test_environment_wins_over_credentials_over_file(configuration: Configuration) -> None:
    """The strongest source that names a key decides."""
    configuration.file('smtp_password = "file"\ntwilio_auth_token = "file"\nhttp_token = "file"\nlease = 7')
    configuration.credentials(notifyd_smtp_password="credential\n", notifyd_twilio_auth_token="credential")
    configuration.environment(NOTIFYD_SMTP_PASSWORD="environment")
    settings = configuration.load()
    secrets = (settings.smtp_password, settings.twilio_auth_token, settings.http_token)
    assert ["environment", "credential", "file"] == [secret.get_secret_value() for secret in secrets if secret]
    assert timedelta(seconds=7) == settings.lease


def test_database_url_without_prefix(configuration: Configuration) -> None:
    """DATABASE_URL is read as well, and the variable with the prefix wins."""
    configuration.file('database_url = "postgresql:///file"')
    configuration.environment(DATABASE_URL="postgresql:///plain")
    assert "postgresql:///plain" == configuration.load().dsn
    configuration.environment(NOTIFYD_DATABASE_URL="postgresql:///prefixed")
    assert "postgresql:///prefixed" == configuration.load().dsn


def test_empty_variable_is_not_set(configuration: Configuration) -> None:
    """An empty variable, as compose files leave them, neither hides the file nor is an error."""
    configuration.file("lease = 7")
    configuration.environment(NOTIFYD_LEASE="", NOTIFYD_NONSENSE="")
    assert timedelta(seconds=7) == configuration.load().lease


def test_arguments_alone_make_settings(configuration: Configuration) -> None:
    """Constructing `Settings` reads nothing but its arguments."""
    configuration.environment(NOTIFYD_LEASE="7", NOTIFYD_TABEL="x")
    assert timedelta(seconds=60) == Settings().lease


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("60", 60), ("0.25", 0.25), (" 5 ", 5), ("PT1M", 60), ("pt1.5s", 1.5), ("P7D", 604_800), ("1e2", 100)],
)
def test_durations(configuration: Configuration, written: str, seconds: float) -> None:
    """Seconds with fractions, and ISO 8601."""
    configuration.environment(NOTIFYD_RETRY_MAX=written, NOTIFYD_RETRY_BASE="0.001")
    assert timedelta(seconds=seconds) == configuration.load().retry_max


@given(st.floats(min_value=0.001, max_value=86_400))
def test_any_positive_seconds_are_a_duration(seconds: float) -> None:
    """Whatever number of seconds is within the bounds comes out as it went in."""
    assert timedelta(seconds=seconds) == Settings(lease=seconds).lease


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    """No text, however odd, is anything but a duration or an explained error."""
    try:
        lease = Settings(lease=text).lease
    except ValidationError:
        return
    assert timedelta(0) < lease


@pytest.mark.parametrize(
    "written", ["x", "1h", "nan", "inf", "-1", "0", "PT-1S", "P", "1:30", "1e300", "P9999999999D", "-PT1S"]
)
def test_durations_that_make_no_sense(configuration: Configuration, written: str) -> None:
    """Each is refused by name."""
    configuration.environment(NOTIFYD_LEASE=written)
    assert only(configuration.problems()).startswith("NOTIFYD_LEASE: must be ")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('table = "a.b.c"', "table"),
        ('table = "jobs; drop table x"', "table"),
        ('table = ""', None),
        ("max_in_flight = 0", "must be greater than or equal to 1"),
        ("max_in_flight = 2.5", "must be a whole number"),
        ('max_in_flight = "many"', "must be a whole number"),
        ("http_port = 65536", "must be less than or equal to 65535"),
        ("smtp_port = 0", "must be greater than or equal to 1"),
        ('smtp_tls = "ssl"', "must be one of 'starttls', 'tls' or 'none'"),
        ('email_transport = "sendmail"', "must be one of"),
        ('sms_transport = "vonage"', "must be one of"),
        ('smtp_allow_plaintext = "perhaps"', "must be true or false"),
        ("smtp_host = 5", "must be a text in quotes"),
        ('smtp_host = "smtp://mail.example.com"', "must be a host name"),
        ('smtp_from = "Salon <booking@example.com>"', "must be a bare e-mail address"),
        (f'smtp_from = "{SECRET}"', "must be a bare e-mail address"),
        ('twilio_account_sid = "SK0123456789abcdef0123456789abcdef"', "must be AC and 32 hexadecimal digits"),
        ('twilio_from = "0171 1234567"', "must be a number in E.164 form"),
        ('twilio_base_url = "ftp://api.twilio.com"', "must look like https://api.twilio.com"),
        ('public_url = "notify.example.com"', "must look like https://notify.example.com"),
        ('public_url = "http://notify.example.com"', "plain http would show your clients' numbers"),
        ('public_url = "https://notify.example.com/?a=b"', "must hold no user, password, query or fragment"),
        ('unknown_sms = "ask"', "must be one of"),
        ('twilio_base_url = "http://api.twilio.com"', "must be https"),
        (f'twilio_base_url = "https://u:{SECRET}@api.twilio.com"', "must hold no user"),
        ('templates_dir = "/nowhere/at/all"', "names no directory"),
        ('phone_region = "XX"', "must be a country"),
        ('log_level = "verbose"', "must be one of"),
        ('log_format = "xml"', "must be one of"),
        (f'database_url = "mysql://u:{SECRET}@h/d"', "must look like postgresql://"),
        (f'database_url = "{SECRET}"', "must look like postgresql://"),
        (f'database_url = "postgresql://[{SECRET}"', "must look like postgresql://"),
        (f'http_token = "{SECRET} ü"', "must be made of visible ASCII"),
        (f'http_role_tokens = "{SECRET}"', "must be role=token"),
        (f'http_role_tokens = "owner={SECRET},"', "must be role=token"),
        (f'http_role_tokens = "Owner={SECRET}"', "must be role=token"),
        (f'http_role_tokens = "owner={SECRET},desk={SECRET}"', "must not give one token twice"),
        ('unknown_email = "reconcile"', "must be one of"),
        ("[smtp]\nhost = 'x'", "is no key of notifyd"),
        (f"smtp_password = ['{SECRET}']", "must be a text in quotes"),
        ("lease = true", "must be a duration"),
        ("lease = 08:00:00", "must be a duration"),
    ],
)
def test_nonsense_is_named(configuration: Configuration, line: str, told: str | None) -> None:
    """Each nonsense value is refused with the key, where it stands, and the cure."""
    configuration.file(line)
    if told is None:
        configuration.load()
        return
    key = line.split(" = ", maxsplit=1)[0].strip("[]").split("]")[0]
    problem = only(configuration.problems())
    assert f"{key} in {configuration.path}: " == problem[: len(f"{key} in {configuration.path}: ")]
    assert told in problem


@pytest.mark.parametrize(
    ("sender"),
    ["+15551234567", "MG0123456789abcdef0123456789abcdef", "12345", "Salon Rosa"],
)
def test_senders(sender: str) -> None:
    """Every kind of sender that Twilio knows is taken."""
    assert sender == Settings(twilio_from=sender).twilio_from


@pytest.mark.parametrize(
    "table", ["jobs", "public.notification_jobs", 'booking."x"', "Booking.NotificationJob", "1jobs"]
)
def test_tables(configuration: Configuration, table: str) -> None:
    """Plain names are taken as they are, capitals too; quotes and leading digits are refused."""
    configuration.environment(NOTIFYD_TABLE=table)
    if table.replace(".", "").isalpha() or "_" in table:
        assert table == configuration.load().table
    else:
        assert "NOTIFYD_TABLE: must be" in only(configuration.problems())


def test_a_typing_mistake_in_a_variable(configuration: Configuration) -> None:
    """A variable that nothing reads is an error that names the one that was meant."""
    configuration.environment(NOTIFYD_TABEL="x", NOTIFYD_SMTP_PASWORD=SECRET)
    assert [
        "NOTIFYD_SMTP_PASWORD: is no key of notifyd; did you mean NOTIFYD_SMTP_PASSWORD?",
        "NOTIFYD_TABEL: is no key of notifyd; did you mean NOTIFYD_TABLE?",
    ] == configuration.problems()


def test_typing_mistakes_elsewhere(configuration: Configuration) -> None:
    """The same in the file and among the credentials."""
    configuration.file(f'smtp_pasword = "{SECRET}"')
    configuration.credentials(notifyd_http_tokn=SECRET, other_programs_secret=SECRET)
    token, password = configuration.problems()
    assert token.startswith("notifyd_http_tokn in ")
    assert password.startswith(
        f"smtp_pasword in {configuration.path}: is no key of notifyd; did you mean smtp_password"
    )


def test_kubernetes_variables_are_no_mistake(configuration: Configuration) -> None:
    """What Kubernetes sets beside a Service named notifyd does not stop the daemon."""
    configuration.environment(
        NOTIFYD_SERVICE_HOST="10.0.0.1",
        NOTIFYD_SERVICE_PORT_HTTP="8321",
        NOTIFYD_PORT="tcp://10.0.0.1:8321",
        NOTIFYD_PORT_8321_TCP_ADDR="10.0.0.1",
    )
    configuration.load()


def test_everything_at_once(configuration: Configuration) -> None:
    """Unknown keys, nonsense values and broken rules of all sources are told in one go."""
    configuration.file(f'leese = 3\nmax_in_flight = 0\nretry_base = 60\nretry_max = 30\nsmtp_password = "{SECRET}"')
    configuration.environment(NOTIFYD_GRACE="soon", NOTIFYD_HTTP_HOST="0.0.0.0")
    keys = {problem.split(":")[0].split(" in ")[0] for problem in configuration.problems(Need.SENDING)}
    expected = {"leese", "max_in_flight", "retry_max", "NOTIFYD_GRACE", "NOTIFYD_HTTP_TOKEN", "NOTIFYD_DATABASE_URL"}
    expected |= {"NOTIFYD_SMTP_HOST", "NOTIFYD_SMTP_FROM", "NOTIFYD_SMTP_USERNAME"}
    expected |= {"NOTIFYD_TWILIO_ACCOUNT_SID", "NOTIFYD_TWILIO_AUTH_TOKEN", "NOTIFYD_TWILIO_FROM"}
    assert expected == keys


SENDING: dict[str, Any] = {
    "database_url": DSN,
    "smtp_host": "mail.example.com",
    "smtp_from": "booking@example.com",
    "twilio_account_sid": SID,
    "twilio_auth_token": SECRET,
    "twilio_from": "+15551234567",
}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, None),
        ({"smtp_tls": "none"}, "SMTP_TLS"),
        ({"smtp_tls": "none", "smtp_allow_plaintext": "true"}, None),
        ({"smtp_tls": "none", "smtp_host": "127.0.0.1"}, None),
        ({"smtp_tls": "none", "smtp_host": "::1"}, None),
        ({"smtp_tls": "none", "smtp_host": "localhost"}, None),
        ({"smtp_tls": "none", "smtp_host": "localhost.example.com"}, "SMTP_TLS"),
        ({"smtp_host": None}, "SMTP_HOST"),
        ({"smtp_from": None}, "SMTP_FROM"),
        ({"smtp_host": None, "smtp_from": None, "email_transport": "off"}, None),
        ({"smtp_host": None, "smtp_from": None, "email_transport": "null"}, None),
        ({"email_transport": "folder"}, "OUTBOX_DIR"),
        ({"email_transport": "folder", "sms_transport": "folder"}, "OUTBOX_DIR"),
        ({"email_transport": "folder", "outbox_dir": "/var/lib/notifyd"}, None),
        ({"sms_transport": "folder"}, "OUTBOX_DIR"),
        ({"smtp_username": "notifyd"}, "SMTP_PASSWORD"),
        ({"smtp_password": SECRET}, "SMTP_USERNAME"),
        ({"smtp_username": "notifyd", "smtp_password": SECRET}, None),
        ({"twilio_account_sid": None}, "TWILIO_ACCOUNT_SID"),
        ({"twilio_auth_token": None}, "TWILIO_AUTH_TOKEN"),
        ({"twilio_from": None}, "TWILIO_FROM"),
        ({"twilio_from": None, "sms_transport": "off"}, None),
        ({"http_host": "0.0.0.0"}, "HTTP_TOKEN"),
        ({"http_host": "::"}, "HTTP_TOKEN"),
        ({"http_host": "0.0.0.0", "http_token": SECRET}, None),
        ({"http_host": "127.8.8.8"}, None),
        ({"http_role_tokens": f"owner={SECRET}"}, "HTTP_ROLE_TOKENS"),
        ({"http_role_tokens": f"owner={SECRET}", "http_token": SECRET}, "HTTP_ROLE_TOKENS"),
        ({"http_role_tokens": f"owner={SECRET}", "http_token": "another"}, None),
        ({"retry_base": "60", "retry_max": "59"}, "RETRY_MAX"),
        ({"database_url": None}, "DATABASE_URL"),
    ],
)
def test_rules_between_keys(configuration: Configuration, changes: dict[str, str | None], key: str | None) -> None:
    """What does not go together is refused under the key that has to change; what does is taken."""
    chosen = {name: value for name, value in (SENDING | changes).items() if value is not None}
    configuration.environment(**{f"NOTIFYD_{name.upper()}": value for name, value in chosen.items()})
    if key is None:
        configuration.load(Need.SENDING)
    else:
        assert f"NOTIFYD_{key}" == only(configuration.problems(Need.SENDING)).split(":")[0]


def test_commands_that_send_nothing_need_less(configuration: Configuration) -> None:
    """Migrating takes a database alone, a preview nothing at all."""
    assert "" == configuration.load(Need.NOTHING).dsn
    configuration.environment(DATABASE_URL=DSN)
    assert DSN == configuration.load(Need.DATABASE).dsn
    assert 5 == len(configuration.problems(Need.SENDING))


@pytest.mark.parametrize(
    ("url", "cleaned", "pooled"),
    [
        (DSN, DSN, False),
        (f"{DSN}?sslmode=require", f"{DSN}?sslmode=require", False),
        (f"{DSN}?schema=public&connection_limit=5&sslmode=require", f"{DSN}?sslmode=require", False),
        (f"{DSN}?pgbouncer=true", DSN, True),
        ("postgresql://u@a:1,b:2/d?pool_timeout=0", "postgresql://u@a:1,b:2/d", False),
    ],
)
def test_addresses_that_prisma_wrote(url: str, cleaned: str, pooled: bool) -> None:
    """The booking system's own DATABASE_URL works: PostgreSQL never sees what is meant for Prisma alone."""
    settings = Settings(database_url=url)
    assert (cleaned, pooled) == (settings.dsn, settings.pooled)


def test_prismas_schema_is_not_lost(configuration: Configuration) -> None:
    """A schema that only the address names is not dropped silently: the key for it is named."""
    configuration.environment(DATABASE_URL=f"{DSN}?schema=booking")
    assert only(configuration.problems()).startswith("DATABASE_URL: has a ?schema=")


def test_role_tokens(configuration: Configuration) -> None:
    """A role may have several tokens, and a token may hold what tokens hold."""
    assert () == configuration.load().role_tokens
    configuration.file('http_token = "all"\nhttp_role_tokens = "owner=a=, owner=b,front-desk=c"')
    assert (("owner", "a="), ("owner", "b"), ("front-desk", "c")) == configuration.load().role_tokens


def test_listen_url(configuration: Configuration) -> None:
    """Without one the database's own address is used; with one the other is known to be a pooler."""
    configuration.environment(DATABASE_URL=DSN)
    assert (DSN, False) == (configuration.load().listen_dsn, configuration.load().pooled)
    configuration.environment(NOTIFYD_LISTEN_URL="postgresql:///direct")
    assert ("postgresql:///direct", True) == (configuration.load().listen_dsn, configuration.load().pooled)


def test_secrets_hide_in_print() -> None:
    """Neither `repr` nor the error of a bad construction shows a secret."""
    settings = Settings(
        database_url=DSN,
        smtp_password=SECRET,
        twilio_auth_token=SECRET,
        http_token=SECRET,
        http_role_tokens=f"owner={SECRET}-2",
    )
    assert SECRET not in f"{settings!r} {settings}"
    with pytest.raises(ValidationError) as caught:
        Settings(database_url=SECRET, http_token=f"{SECRET} ")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("content", [b"lease = ", b"lease 5", b"\xff\xfe", b"lease = 1\nlease = 2"])
def test_broken_file(configuration: Configuration, content: bytes) -> None:
    """A file that is no TOML is named, with the place."""
    configuration.path.write_bytes(content)
    assert only(configuration.problems()).startswith(f"{configuration.path}: is not ")


def test_missing_file(configuration: Configuration) -> None:
    """A file that was asked for and is not there is an error."""
    configuration.path.unlink()
    assert f"{configuration.path}: cannot be read: No such file or directory" == only(configuration.problems())
