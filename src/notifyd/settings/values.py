"""The kinds of values that keys have: what is accepted, and the sentence that says what would have been.

Validators raise ValueError with a text that completes "KEY: …" and never repeats the value, which may be a secret.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError

from notifyd.settings import dsn

_DURATION = "must be a duration: seconds, as in 60 or 0.5, or ISO 8601, as in PT1M or P7D"
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_$]{0,62}"  # 63 bytes: PostgreSQL cuts longer names
_TABLE = re.compile(rf"(?:{_IDENTIFIER}\.)?{_IDENTIFIER}")
_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_SENDERS = re.compile(
    r"\+[1-9]\d{6,14}"  # E.164
    r"|MG[0-9a-fA-F]{32}"  # a messaging service
    r"|\d{3,8}"  # a short code
    r"|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}",  # an alphanumeric sender id
)
_iso = TypeAdapter(timedelta)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is surely this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(_DURATION)  # noqa: TRY004 - pydantic gathers ValueError alone
    try:
        if isinstance(value, str) and value.strip().upper().startswith("P"):
            return _iso.validate_python(value.strip().upper())
        return timedelta(seconds=float(value))
    except (ValueError, OverflowError, ValidationError):
        raise ValueError(_DURATION) from None


def _at_most(limit: timedelta, said: str) -> Callable[[timedelta], timedelta]:
    def check(value: timedelta) -> timedelta:
        if not timedelta(0) < value <= limit:
            raise ValueError(f"must be longer than 0 and at most {said}")
        return value

    return check


def _table(value: str) -> str:
    if not _TABLE.fullmatch(value):
        raise ValueError(
            "must be `table` or `schema.table`, each a plain name of letters, digits and underscores, "
            "spelt with the capitals it has in the database",
        )
    return value


def _database_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if url and (wrong := dsn.fault(url)):
        raise ValueError(wrong)
    return value


def _email_address(value: str) -> str:
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - costs start-up time

    try:
        return validate_email(value, check_deliverability=False, globally_deliverable=False).normalized
    except EmailNotValidError:
        raise ValueError("must be a bare e-mail address, as in booking@example.com (no display name)") from None


def _account_sid(value: str) -> str:
    if not _ACCOUNT_SID.fullmatch(value):
        raise ValueError("must be AC and 32 hexadecimal digits, as the Twilio console shows it")
    return value


def _sender(value: str) -> str:
    if not _SENDERS.fullmatch(value):
        raise ValueError(
            "must be a number in E.164 form (+15551234567), a messaging service (MG and 32 hexadecimal digits), "
            "a short code, or a sender name of up to 11 letters and digits",
        )
    return value


def _url(example: str, at_risk: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        url = _split(value)
        if url is None or url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError(f"must look like {example}")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("must hold no user, password, query or fragment")
        if url.scheme == "http" and not is_loopback(url.hostname):
            raise ValueError(f"must be https: plain http would show {at_risk} to everybody on the way")
        return value.rstrip("/")

    return check


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    return parts


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", value):
        raise ValueError("must be a host name or an address, without scheme, port or blanks")
    return value


def _directory(value: Path) -> Path:
    if not value.is_dir():
        raise ValueError("names no directory; create it, or correct the path")
    return value


def _region(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - costs start-up time

    region = value.upper()
    if region not in SUPPORTED_REGIONS:
        raise ValueError("must be a country as two letters of ISO 3166, as in DE, GB or IN")
    return region


def _bearer(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("must be made of visible ASCII characters: it travels in an HTTP header")
    return value


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the roles and tokens of `role=token,role=token`; a token may hold `=`, a role may not."""
    for part in text.split(","):
        role, _, token = part.partition("=")
        yield role.strip(), token.strip()


def _role_tokens(value: SecretStr) -> SecretStr:
    given = list(pairs(value.get_secret_value()))
    if not all(re.fullmatch(r"[a-z][a-z0-9_-]*", role) and re.fullmatch(r"[!-~]+", token) for role, token in given):
        raise ValueError(
            "must be role=token, separated by commas: roles of small letters, digits, _ and -, tokens of visible "
            "ASCII characters without a comma",
        )
    if len({token for _, token in given}) < len(given):
        raise ValueError("must not give one token twice")
    return value


_Duration = Annotated[timedelta, BeforeValidator(_duration)]

UpToAnHour = Annotated[_Duration, AfterValidator(_at_most(timedelta(hours=1), "an hour"))]
UpToADay = Annotated[_Duration, AfterValidator(_at_most(timedelta(days=1), "a day"))]
UpToTenYears = Annotated[_Duration, AfterValidator(_at_most(timedelta(days=3660), "ten years"))]
Table = Annotated[str, AfterValidator(_table)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
PortOrAny = Annotated[int, Field(ge=0, le=65535)]
EmailAddress = Annotated[str, AfterValidator(_email_address)]
AccountSid = Annotated[str, AfterValidator(_account_sid)]
Sender = Annotated[str, AfterValidator(_sender)]
ApiUrl = Annotated[str, AfterValidator(_url("https://api.twilio.com", "the auth token"))]
PublicUrl = Annotated[str, AfterValidator(_url("https://notify.example.com", "your clients' numbers"))]
Directory = Annotated[Path, AfterValidator(_directory)]
Region = Annotated[str, AfterValidator(_region)]
BearerToken = Annotated[SecretStr, AfterValidator(_bearer)]
RoleTokens = Annotated[SecretStr, AfterValidator(_role_tokens)]
