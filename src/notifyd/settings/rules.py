"""Rules between keys: what does not go together, is missing, or is unsafe. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from notifyd.settings.keys import Settings
from notifyd.settings.values import is_loopback


class Need(IntEnum):
    """How much of the configuration a command relies on; each includes those before it."""

    NOTHING = 0
    DATABASE = 1
    SENDING = 2


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule.

    Attributes:
        key: The key to change.
        cure: What is wrong and what to write instead; completes "KEY: …" and holds no secret.
        because: The other keys that the rule looked at.
    """

    key: str
    cure: str
    because: tuple[str, ...] = ()


def breaches(settings: Settings, need: Need) -> Iterator[Breach]:
    """Yield what is wrong with settings whose single values are well.

    Args:
        settings: The settings to judge.
        need: What the caller is going to do with them.
    """
    yield from _waits(settings)
    yield from _exposed(settings)
    yield from _roles(settings)
    if need >= Need.DATABASE and not settings.dsn:
        yield Breach("database_url", "is not set; write postgresql://user:password@host:5432/database")
    if need >= Need.SENDING:
        yield from _email(settings)
        yield from _sms(settings)


def _waits(settings: Settings) -> Iterator[Breach]:
    if settings.retry_max < settings.retry_base:
        yield Breach("retry_max", "must not be shorter than retry_base", ("retry_base",))


def _exposed(settings: Settings) -> Iterator[Breach]:
    if not is_loopback(settings.http_host) and settings.http_token is None:
        yield Breach(
            "http_token",
            "is not set, but http_host is not this machine alone; set a token, or http_host to 127.0.0.1",
            ("http_host",),
        )


def _roles(settings: Settings) -> Iterator[Breach]:
    if not settings.role_tokens:
        return
    if settings.http_token is None:
        yield Breach(
            "http_role_tokens",
            "is set, but http_token is not: everything would be open without a token; set that too",
            ("http_token",),
        )
    elif settings.http_token.get_secret_value() in {token for _, token in settings.role_tokens}:
        yield Breach("http_role_tokens", "must not hold the value of http_token, which opens all", ("http_token",))


def _email(settings: Settings) -> Iterator[Breach]:
    if settings.email_transport == "folder" and settings.outbox_dir is None:
        yield Breach("outbox_dir", "is not set, but email_transport is folder; name a directory", ("email_transport",))
    if settings.email_transport != "smtp":
        return
    yield from _missing(settings, "email_transport", "smtp", ("smtp_host", "smtp_from"))
    plain = settings.smtp_tls == "none" and settings.smtp_host is not None and not is_loopback(settings.smtp_host)
    if plain and not settings.smtp_allow_plaintext:
        yield Breach(
            "smtp_tls",
            "is none, and smtp_host is not this machine: mail and password would travel readable; write starttls or "
            "tls, or say it twice with smtp_allow_plaintext = true",
            ("smtp_host", "smtp_allow_plaintext"),
        )
    if (settings.smtp_username is None) != (settings.smtp_password is None):
        absent, present = ("smtp_username", "smtp_password")[:: 1 if settings.smtp_username is None else -1]
        yield Breach(absent, f"is not set, but {present} is; a login needs both", (present,))


def _sms(settings: Settings) -> Iterator[Breach]:
    if settings.sms_transport == "folder" and settings.outbox_dir is None and settings.email_transport != "folder":
        yield Breach("outbox_dir", "is not set, but sms_transport is folder; name a directory", ("sms_transport",))
    if settings.sms_transport == "twilio":
        yield from _missing(
            settings, "sms_transport", "twilio", ("twilio_account_sid", "twilio_auth_token", "twilio_from")
        )
    elif settings.public_url is not None:
        yield Breach("public_url", "is set, but sms_transport is not twilio; nobody would call it", ("sms_transport",))


def _missing(settings: Settings, switch: str, value: str, keys: tuple[str, ...]) -> Iterator[Breach]:
    for key in keys:
        if getattr(settings, key) is None:
            yield Breach(key, f"is not set, but {switch} is {value}; set it, or {switch} = off", (switch,))
