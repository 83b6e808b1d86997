"""Every key with its default and the sentence that explains it; the reference and `config/notifyd.toml` follow it."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from notifyd.settings import values
from notifyd.settings.dsn import cleaned, is_pooled

RECEIPTS_PATH = "/receipts/twilio"
"""Where the daemon takes Twilio's reports."""


class Settings(BaseSettings):
    """The settings of one daemon: plain values, frozen.

    Constructing it reads nothing but its arguments; `notifyd.settings.load` reads the environment, the credentials
    and the file. Keys that refer to each other are judged by `notifyd.settings.rules`.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="NOTIFYD_",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    database_url: values.DatabaseUrl = Field(
        SecretStr(""),
        description="The PostgreSQL database, as postgresql://user:password@host:5432/database. Several hosts may be "
        "given, separated by commas. Also read from the variable DATABASE_URL.",
        examples=["postgresql://notifyd:password@db.example.com:5432/bookings"],
    )
    listen_url: values.DatabaseUrl | None = Field(
        None,
        description="A direct connection to the same database, where the other one goes through a pooler such as "
        "PgBouncer: LISTEN does not work through one.",
        examples=["postgresql://notifyd:password@db.example.com:5432/bookings"],
    )
    replica_url: values.DatabaseUrl | None = Field(
        None,
        description="A read replica of the same database, for dashboards alone; they may then be as late as it is.",
        examples=["postgresql://notifyd:password@replica.example.com:5432/bookings"],
    )
    table: values.Table = Field(
        "public.notification_jobs",
        description="The table that the booking system inserts into, as `schema.table`.",
    )
    slow_statement: values.UpToAnHour = Field(
        timedelta(seconds=0.5),
        description="A statement that takes as long is logged, with its name and no value.",
    )

    poll_interval: values.UpToAnHour = Field(
        timedelta(seconds=5),
        description="How often to look for due jobs when no notification comes.",
    )
    max_in_flight: Annotated[int, Field(ge=1, le=10_000)] = Field(
        200,
        description="How many jobs this daemon holds at once.",
    )
    lease: values.UpToADay = Field(
        timedelta(seconds=60),
        description="After this long without renewal another daemon may take a job over.",
    )
    grace: values.UpToAnHour = Field(
        timedelta(seconds=25),
        description="How long a stop waits for the work in flight. Keep TimeoutStopSec of the service above it.",
    )
    retry_base: values.UpToADay = Field(
        timedelta(seconds=30),
        description="The delay after a job's first failed attempt; it doubles each time, with jitter.",
    )
    retry_max: values.UpToTenYears = Field(
        timedelta(hours=1),
        description="The longest delay between two attempts, unless the provider asks for a longer one.",
    )
    unknown_sms: Literal["reconcile", "resend", "park"] = Field(
        "reconcile",
        description="What to do with an SMS that Twilio may or may not have accepted: `reconcile` asks Twilio, and "
        "sends only what it does not have, `resend` sends again, `park` holds the job for a person to look at.",
    )
    reconcile_grace: values.UpToADay = Field(
        timedelta(seconds=60),
        description="How long Twilio's list of messages may lag. An SMS in doubt that it does not show after this time "
        "is sent again; one that it shows counts as sent at once.",
    )
    unknown_email: Literal["resend", "park"] = Field(
        "resend",
        description="What to do with an e-mail that the server may or may not have accepted: `resend` it with the "
        "same Message-ID, or `park` it for a person to look at.",
    )
    retention_completed: values.UpToTenYears = Field(
        timedelta(days=7),
        description="How long completed and cancelled jobs are kept.",
    )
    retention_failed: values.UpToTenYears = Field(
        timedelta(days=30),
        description="How long failed jobs are kept.",
    )

    email_transport: Literal["smtp", "folder", "null", "off"] = Field(
        "smtp",
        description="How e-mail leaves: by `smtp`, as files into a `folder`, accepted and thrown away (`null`), or "
        "not at all (`off`).",
    )
    sms_transport: Literal["twilio", "folder", "null", "off"] = Field(
        "twilio",
        description="How SMS leave: by `twilio`, as files into a `folder`, accepted and thrown away (`null`), or not "
        "at all (`off`).",
    )
    outbox_dir: Path | None = Field(
        None,
        description="Where the transport `folder` writes.",
        examples=["/var/lib/notifyd/outbox"],
    )
    templates_dir: values.Directory | None = Field(
        None,
        description="Templates of your own; looked up before the built-in ones.",
        examples=["/etc/notifyd/templates"],
    )
    dashboards_dir: values.Directory | None = Field(
        None,
        description="Dashboards of your own; looked up before those that came with notifyd.",
        examples=["/etc/notifyd/dashboards"],
    )
    bounce_dir: values.Directory | None = Field(
        None,
        description="A directory, or a Maildir, into which the mail server drops what comes back to `smtp_from`. "
        "Bounces are read and removed; everything else is moved to its subdirectory `unmatched`.",
        examples=["/var/lib/notifyd/bounces"],
    )
    phone_region: values.Region | None = Field(
        None,
        description="The country of numbers written without +, as two letters: DE, GB, IN. Without it such numbers "
        "are refused.",
        examples=["GB"],
    )

    smtp_host: values.Host | None = Field(
        None,
        description="The mail server that takes our e-mail.",
        examples=["mail.example.com"],
    )
    smtp_port: values.Port = Field(587, description="Its port: 587 for `starttls`, 465 for `tls`.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="`starttls` and `tls` refuse to send unencrypted; `none` is for a server on this machine.",
    )
    smtp_allow_plaintext: bool = Field(
        False,
        description="Says a second time that `smtp_tls = none` is meant, to a server that is not on this machine.",
    )
    smtp_username: str | None = Field(
        None,
        description="The user to log in as; without it there is no login.",
        examples=["notifyd"],
    )
    smtp_password: SecretStr | None = Field(
        None,
        description="That user's password.",
        examples=["password"],
    )
    smtp_from: values.EmailAddress | None = Field(
        None,
        description="The address that e-mail comes from; the salon's name is shown beside it, and answers go to the "
        "salon.",
        examples=["booking@example.com"],
    )
    smtp_connections: Annotated[int, Field(ge=1, le=200)] = Field(10, description="How many connections are kept open.")
    smtp_timeout: values.UpToAnHour = Field(
        timedelta(seconds=30),
        description="How long one SMTP command may take. The answer to a message's end has a longer limit of its own.",
    )

    twilio_account_sid: values.AccountSid | None = Field(
        None,
        description="The account, as the Twilio console has it.",
        examples=["AC0123456789abcdef0123456789abcdef"],
    )
    twilio_auth_token: SecretStr | None = Field(
        None,
        description="Its auth token.",
        examples=["0123456789abcdef0123456789abcdef"],
    )
    twilio_from: values.Sender | None = Field(
        None,
        description="The number in E.164 form, the messaging service (MG…) or the sender name that SMS come from.",
        examples=["+15551234567"],
    )
    twilio_base_url: values.ApiUrl = Field("https://api.twilio.com", description="Where the Twilio API is.")
    twilio_connections: Annotated[int, Field(ge=1, le=500)] = Field(
        20,
        description="How many requests to Twilio may be under way at once.",
    )
    twilio_timeout: values.UpToAnHour = Field(
        timedelta(seconds=15),
        description="How long one request to Twilio may take.",
    )

    twilio_webhook_secret: SecretStr | None = Field(
        None,
        description="The secret of the shared key that signs Twilio's callbacks, where the account has one; without it "
        "they are signed with the auth token.",
        examples=["0123456789abcdef0123456789abcdef"],
    )
    public_url: values.PublicUrl | None = Field(
        None,
        description="Where Twilio reaches this daemon's HTTP address, through a proxy of yours that forwards "
        "`/receipts/twilio`. With it every SMS asks for delivery receipts.",
        examples=["https://notify.example.com"],
    )

    http_host: values.Host = Field(
        "127.0.0.1",
        description="The address that /healthz, /readyz, /stats, /metrics and the page are served on. Any other than "
        "this machine's own needs `http_token`.",
    )
    http_port: values.PortOrAny = Field(8321, description="Its port; 0 takes any free one, which is logged.")
    http_token: values.BearerToken | None = Field(
        None,
        description="Asked for as `Authorization: Bearer …`.",
        examples=["a-long-random-text"],
    )
    http_role_tokens: values.RoleTokens | None = Field(
        None,
        description="Tokens that open `/dashboards` alone, and there what is shown to their role: `role=token`, "
        "separated by commas. A role may have several, so that they can be changed one after the other.",
        examples=["front-desk=one-long-random-text,owner=another-long-random-text"],
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is logged."
    )
    log_format: Literal["journal", "console", "json"] | None = Field(
        None,
        description="`journal` for systemd, `console` for people, `json` for collectors. Unset: chosen by where "
        "the output goes.",
        examples=["json"],
    )

    @property
    def dsn(self) -> str:
        """The database's address with its password: for drivers, never for logs."""
        return cleaned(self.database_url.get_secret_value())

    @property
    def listen_dsn(self) -> str:
        """The address for LISTEN and for migrations: the direct one, where there is one."""
        return cleaned(self.listen_url.get_secret_value()) if self.listen_url else self.dsn

    @property
    def dashboards_dsn(self) -> str:
        """The address that dashboards are read from: the replica's, else the direct one, else the only one."""
        return cleaned(self.replica_url.get_secret_value()) if self.replica_url else self.listen_dsn

    @property
    def dashboards_pooled(self) -> bool:
        """Whether that address leads through a pooler; only the address itself can say so."""
        return is_pooled((self.replica_url or self.listen_url or self.database_url).get_secret_value())

    @property
    def receipts_url(self) -> str | None:
        """The address that Twilio reports to; None where it cannot reach us."""
        return None if self.public_url is None else f"{self.receipts_origin}{RECEIPTS_PATH}"

    @property
    def receipts_origin(self) -> str:
        """That address without our own path, which may stand in the key as well."""
        return (self.public_url or "").removesuffix(RECEIPTS_PATH)

    @property
    def role_tokens(self) -> tuple[tuple[str, str], ...]:
        """Roles with their tokens: never for logs."""
        given = self.http_role_tokens
        return () if given is None else tuple(values.pairs(given.get_secret_value()))

    @property
    def pooled(self) -> bool:
        """Whether `dsn` leads through a pooler: a direct connection is named beside it, or the address says so."""
        return self.listen_url is not None or is_pooled(self.database_url.get_secret_value())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Construct from arguments alone; `load` asks the other sources and remembers which said what."""
        return (init_settings,)
