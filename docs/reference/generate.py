"""Writes what is generated from the source: `python docs/reference/generate.py`; with `--check` it only compares.

The keys' names, defaults and sentences come from `notifyd.settings`, the commands and their help from `notifyd.cli`.
"""  # noqa: INP001 - a script, no package

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from textwrap import wrap
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import typer.main
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from typer import Context
from typer.core import TyperGroup

from notifyd.cli import app
from notifyd.settings import Settings

ROOT = Path(__file__).parents[2]

SECTIONS = {
    "database_url": "Database",
    "poll_interval": "Jobs",
    "email_transport": "Channels",
    "smtp_host": "E-mail by SMTP",
    "twilio_account_sid": "SMS by Twilio",
    "http_host": "HTTP",
    "log_level": "Log",
}
"""The first key of each section, in the order of the fields of `Settings`."""

CONFIGURATION = """\
# Configuration

<!-- Written by docs/reference/generate.py from src/notifyd/settings/keys.py. -->

A key, `smtp_host` say, is read from these places, the strongest first:

1. the environment, as `NOTIFYD_SMTP_HOST` (an empty variable counts as not set);
2. a file `notifyd_smtp_host` in `$CREDENTIALS_DIRECTORY`, which systemd's `LoadCredential=` fills: for secrets;
3. `notifyd.toml`, as `smtp_host = "…"`: the file given by `--config`, else `/etc/notifyd/notifyd.toml` if it is there.

Durations are seconds, fractions allowed (`60`, `0.5`), or ISO 8601 (`"PT1M"`, `"P7D"`). An unknown key, a value that
makes no sense, and keys that contradict each other are errors: all of them are named at once, with the cure, and the
exit code is 2. `notifyd check` proves the configuration, its connections included.
"""

TOML = """\
# The configuration of notifyd. Every key is here with its default; remove the # of those you change.
# The environment wins over this file: NOTIFYD_SMTP_HOST over smtp_host. Durations are seconds, or ISO 8601 ("P7D").
# Keep secrets out of it: systemd's LoadCredential= puts them into files that only the service can read
# (see notifyd.service). `notifyd check` proves what is written here.
# Written by docs/reference/generate.py.
"""

CLI = """\
# Commands

<!-- Written by docs/reference/generate.py from the commands' own help. -->

`python -m notifyd` is the same as `notifyd`. Exit codes: 0 well; 1 a failed check, or an error that was explained; 2
wrong usage or configuration; 3 the database could not be reached.
"""


def configuration() -> str:
    """Return `docs/reference/configuration.md`."""
    lines = [CONFIGURATION.rstrip()]
    for key, field in Settings.model_fields.items():
        if key in SECTIONS:
            lines += ["", f"## {SECTIONS[key]}", "", "| key | default | |", "|---|---|---|"]
        default = f"`{written(field.default)}`" if is_set(field) else ""
        lines.append(f"| `{key}` | {default} | {sentence(field)}{example(field)} |")
    return "\n".join(lines) + "\n"


def toml() -> str:
    """Return `config/notifyd.toml`."""
    lines = [TOML.rstrip()]
    for key, field in Settings.model_fields.items():
        if key in SECTIONS:
            lines += ["", "", f"# --- {SECTIONS[key]} ".ljust(100, "-")]
        lines += ["", *(f"# {line}" for line in wrap(sentence(field).replace("`", ""), 116))]
        lines.append(f"#{key} = {written(field.default if is_set(field) else (field.examples or [''])[0])}")
    return "\n".join(lines) + "\n"


def cli() -> str:
    """Return `docs/reference/cli.md`."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    lines = [CLI.rstrip()]
    for name, command in group.commands.items():
        context = Context(command, info_name=f"notifyd {name}", terminal_width=100, max_content_width=100)
        lines += ["", f"## notifyd {name}", "", "```", command.get_help(context).rstrip(), "```"]
    return "\n".join(lines) + "\n"


def sentence(field: FieldInfo) -> str:
    """Return the sentence of a key, with what the type knows about it."""
    words = [field.description or ""]
    choices = [c for part in parts(field.annotation) if get_origin(part) is Literal for c in get_args(part)]
    if choices and not all(f"`{choice}`" in words[0] for choice in choices):
        words.append(f"One of {', '.join(f'`{choice}`' for choice in choices)}.")
    if SecretStr in parts(field.annotation):
        words.append("A secret.")
    return " ".join(words if is_set(field) else [*words, "No default."])


def example(field: FieldInfo) -> str:
    """Return an example for a key that has no default."""
    return "" if is_set(field) else f" For example `{written((field.examples or [''])[0])}`."


def parts(annotation: object) -> tuple[object, ...]:
    """Return the members of a union, bare of their constraints."""
    members = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    return tuple(get_args(member)[0] if get_origin(member) is Annotated else member for member in members)


def is_set(field: FieldInfo) -> bool:
    """Tell whether a key has a default that says something."""
    return field.default is not None and not isinstance(field.default, SecretStr)


def written(value: object) -> str:
    """Return a value as TOML has it."""
    if not isinstance(value, timedelta):
        return json.dumps(value)
    days, rest = divmod(value, timedelta(days=1))
    return f'"P{days}D"' if not rest else f"{value.total_seconds():g}"


FILES: dict[str, Callable[[], str]] = {
    "docs/reference/configuration.md": configuration,
    "docs/reference/cli.md": cli,
    "config/notifyd.toml": toml,
}


def main() -> int:
    """Write the files, or say which ones differ."""
    differing = [name for name, write in FILES.items() if (ROOT / name).read_text("utf-8") != write()] if CHECK else []
    for name, write in () if CHECK else FILES.items():
        (ROOT / name).write_text(write(), "utf-8")
    if differing:
        sys.stderr.write(f"{', '.join(differing)} differ from the source; run `python docs/reference/generate.py`\n")
    return 1 if differing else 0


CHECK = "--check" in sys.argv[1:]

if __name__ == "__main__":
    sys.exit(main())
