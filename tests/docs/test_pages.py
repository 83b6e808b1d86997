"""What the pages for people name is there: files, headings, commands, settings, events."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from docs.pages import PAGES, ROOT, STRANGERS, anchors, blocks, prose, read, spans, table
from notifyd.cli import app
from notifyd.content.catalog import BUILT_IN, catalog
from notifyd.settings import Settings
from notifyd.store.adopt import INDEXES, TRIGGERS
from notifyd.store.migrate import migrations
from notifyd.store.server import Server
from notifyd.store.table import REQUIRED

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_EVENT = re.compile(r"[a-z]+\.[a-z]+")
_NAME = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")


@pytest.mark.parametrize("page", [*PAGES, STRANGERS])
def test_links_lead_somewhere(page: str) -> None:
    """Every link to a file or a heading of ours finds it."""
    for link in _LINK.findall(prose(page)):
        if not link.startswith("http"):
            path, _, anchor = link.partition("#")
            target = (ROOT / page).parent / path if path else ROOT / page
            assert target.exists(), link
            if anchor:
                assert anchor in anchors(str(target.resolve().relative_to(ROOT))), link


def _lines_of_shell() -> list[str]:
    shell = [block.text for page in PAGES for block in blocks(page, "sh")]
    return [*"\n".join(shell).replace("\\\n", "").splitlines(), *(span for page in PAGES for span in spans(page))]


def test_commands_exist() -> None:
    """Each `notifyd VERB --option` is one that the command line has, and each `./run VERB` one of the script's."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    verbs = re.findall(r'(?m)^        "(\w+)": ', read("run"))
    seen = set()
    for line in _lines_of_shell():
        for verb, rest in re.findall(r"(?:^|sudo |/bin/|\| )notifyd ([a-z]+)\b([^|#`]*)", line):
            assert verb in group.commands, line
            options = {option for parameter in group.commands[verb].params for option in parameter.opts}
            assert set(re.findall(r"(?<= )--[a-z-]+", rest)) <= options, line
            seen.add(verb)
        for verb in re.findall(r"\./run ([a-z]+)", line):
            assert verb in [*verbs, "help"], line
    assert {"migrate", "check", "stats", "preview"} <= seen


def _known_names() -> set[str]:
    metrics = set(re.findall(r"`(notifyd_\w+)`", read("docs/reference/metrics.md")))
    ours = {"notification_jobs", "inheritance_column", "synchronous_commit"}
    log = {"log_format", "held_by", "provider_id"}
    types = {*catalog([BUILT_IN]), "follow_up"}
    columns = {*REQUIRED, "run_at", "expires_at"}
    schema = set(_NAME.findall("".join(migration.sql for migration in migrations())))
    server = {*(field.name for field in fields(Server)), "pg_stat_activity", "pg_read_all_stats"}
    return {*Settings.model_fields, *columns, *schema, *types, *INDEXES, *TRIGGERS, *metrics, *ours, *log, *server}


@pytest.mark.parametrize("page", PAGES)
def test_names_exist(page: str) -> None:
    """Settings, columns, types, indexes, triggers and metrics are called what they are called in the source."""
    for span in spans(page):
        if not re.search(r"[/.(]\w|\.py|=…", span):
            assert set(_NAME.findall(span)) <= _known_names(), span
    assert set(re.findall(r"NOTIFYD_([A-Z_]+)", read(page))) <= {
        *(key.upper() for key in Settings.model_fields),
        "TEST_PG_BIN",
    }


def _events() -> dict[str, str]:
    rows = re.findall(r"(?m)^\| `([\w.]+)` \| (\w+) \| (.*) \|$", read("docs/reference/logs.md"))
    return {name: level if "an error where" not in when else "error" for name, level, when in rows}


@pytest.mark.parametrize("page", PAGES)
def test_events_exist(page: str) -> None:
    """Each event of the log that a page names is one that is logged."""
    families = {name.partition(".")[0] for name in _events()}
    for span in spans(page):
        if (
            _EVENT.fullmatch(span)
            and span.partition(".")[0] in families
            and Path(span).suffix not in {".py", ".json", ".toml"}
        ):
            assert span in _events(), span


def test_every_warning_is_explained() -> None:
    """docs/operations.md says what to do about each event that is a warning or an error."""
    told = " ".join(row[0] for row in table("docs/operations.md", "Log events that need you"))
    urgent = {name for name, level in _events().items() if level in {"warning", "error"}}
    assert set() == urgent - set(re.findall(r"`([\w.]+)`", told))


@pytest.mark.parametrize("page", [*PAGES, STRANGERS])
def test_no_path_of_somebodys_machine(page: str) -> None:
    """No home directory, no checkout's path."""
    assert [] == re.findall(r"/(?:home|Users|root|work)/\S*", read(page))
