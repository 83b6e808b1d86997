"""Reads environment, credentials and file, in this order of precedence, and tells all that is wrong at once.

May not print a value of a key: most of what is worth protecting passes here. An unreadable or malformed file, an
unknown key, a nonsense value and a broken rule all end in one `ConfigurationError`.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SecretsSettingsSource

from notifyd.settings.keys import Settings
from notifyd.settings.rules import Need, breaches

DEFAULT_FILE = Path("/etc/notifyd/notifyd.toml")

_PREFIX = "NOTIFYD_"
_KUBERNETES = re.compile(r"NOTIFYD_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")
"""What Kubernetes puts into every container beside a Service named notifyd: no typing mistake of the operator's."""


class ConfigurationError(Exception):
    """The configuration cannot be used.

    Attributes:
        problems: One sentence each, naming the key as the operator wrote it, what is wrong, and the cure.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class _Source:
    """One place that settings come from; `spelling` is how a key is written there."""

    values: Mapping[str, object]
    spelling: str

    def name(self, key: str) -> str:
        return self.spelling.format(key=key, KEY=key.upper())


def load(config: Path | None = None, need: Need = Need.SENDING) -> Settings:
    """Read the configuration.

    Args:
        config: The file; None takes `/etc/notifyd/notifyd.toml` where there is one.
        need: How much of it has to be complete.

    Raises:
        ConfigurationError: with every problem found.
    """
    sources = list(_sources(config))
    merged = {key: value for source in reversed(sources) for key, value in source.values.items()}
    problems = [problem for source in sources for problem in _unknown(source)]
    known = {key: value for key, value in merged.items() if key in Settings.model_fields}
    settings, faults = _validate(known)
    problems += [f"{_spelt(key, sources)}: {text}" for key, text in faults.items()]
    for breach in breaches(settings, need):
        if not faults.keys() & {breach.key, *breach.because}:
            problems.append(f"{_spelt(breach.key, sources)}: {breach.cure}")
    if problems:
        raise ConfigurationError(problems)
    return settings


def is_debugging() -> bool:
    """Tell whether the environment asks for tracebacks, also where the configuration cannot be read."""
    return os.environ.get("NOTIFYD_LOG_LEVEL", "").strip() == "debug"


def _sources(config: Path | None) -> Iterator[_Source]:
    """Yield the sources, the strongest first."""
    prefixed = {name.lower(): value for name, value in os.environ.items() if value and name.upper().startswith(_PREFIX)}
    environment = EnvSettingsSource(Settings, env_prefix=_PREFIX, env_ignore_empty=True)()
    strangers = {
        name.removeprefix(_PREFIX.lower()): value
        for name, value in prefixed.items()
        if not _KUBERNETES.fullmatch(name.upper()) and name.removeprefix(_PREFIX.lower()) not in Settings.model_fields
    }
    yield _Source(strangers | environment, "NOTIFYD_{KEY}")
    if url := os.environ.get("DATABASE_URL"):
        yield _Source({"database_url": url}, "{KEY}")
    if directory := os.environ.get("CREDENTIALS_DIRECTORY"):
        yield _Source(_credentials(Path(directory)), f"notifyd_{{key}} in {directory}")
    if config is not None or DEFAULT_FILE.exists():
        path = config or DEFAULT_FILE
        yield _Source(_file(path), f"{{key}} in {path}")


def _credentials(directory: Path) -> dict[str, object]:
    if not directory.is_dir():
        raise ConfigurationError([f"CREDENTIALS_DIRECTORY: {directory} is no directory; systemd sets it"])
    prefix = _PREFIX.lower()
    strangers = {path.name.removeprefix(prefix): "" for path in directory.iterdir() if path.name.startswith(prefix)}
    return strangers | SecretsSettingsSource(Settings, secrets_dir=directory, env_prefix=prefix)()


def _file(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path}: is not UTF-8 text"]) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f'{path}: is not TOML: {error}; texts need quotes, as in table = "jobs"']) from None
    return {key: value for key, value in values.items() if value != ""}


def _unknown(source: _Source) -> Iterator[str]:
    for key in sorted(source.values.keys() - Settings.model_fields.keys()):
        alike = get_close_matches(key.lower(), Settings.model_fields, n=1)
        cure = f"did you mean {source.name(alike[0])}?" if alike else "remove it"
        yield f"{source.name(key)}: is no key of notifyd; {cure}"


def _validate(values: dict[str, object]) -> tuple[Settings, dict[str, str]]:
    """Return the settings, with defaults in place of values at fault, and the faults."""
    try:
        return Settings.model_validate(values), {}
    except ValidationError as error:
        faults = {str(detail["loc"][0]): _tell(detail) for detail in error.errors(include_url=False)}
    sound = {key: value for key, value in values.items() if key not in faults}
    return Settings.model_validate(sound), faults


def _tell(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"must be one of {context['expected']}"
        case "greater_than_equal" | "less_than_equal":
            return f"must be {detail['msg'].removeprefix('Input should be ')}"
        case "int_parsing" | "int_type" | "int_from_float":
            return "must be a whole number"
        case "bool_parsing" | "bool_type":
            return "must be true or false"
        case _:
            return "must be a text in quotes"


def _spelt(key: str, sources: list[_Source]) -> str:
    """Name a key as the operator wrote it; one that nobody wrote, as the environment has it."""
    return next((source.name(key) for source in sources if key in source.values), f"NOTIFYD_{key.upper()}")
