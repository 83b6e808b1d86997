"""Definitions: what may stand in them, where they are looked for, and what is said of every mistake."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from notifyd.dashboards import load
from notifyd.dashboards.load import shipped
from notifyd.model.dashboard import Shape
from notifyd.model.parameters import Kind

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["contacts", "conversations", "notifications", "salon"]

GOOD = """
title = "Mine"
ttl = 10
[parameters.user_id]
kind = "id"
[data.n]
sql = "n.sql"
shape = "value"
"""


def written(folder: Path, toml: str = GOOD, name: str = "mine", **files: str) -> Path:
    """Write a definition, `n.sql` being one that is well."""
    mine = folder / name
    mine.mkdir()
    (mine / "dashboard.toml").write_text(toml)
    for file, text in {"n": "select 1", **files}.items():
        (mine / f"{file}.sql").write_text(text)
    return mine


def test_what_is_shipped() -> None:
    """Four dashboards come with notifyd, without a mistake; each can be told from an operator's."""
    found = load(None)
    assert ((), NAMES) == (found.mistakes, list(found.dashboards))
    assert all(dashboard.shipped for dashboard in found.dashboards.values())
    salon = found.dashboards["salon"]
    assert ["salon_id", "location_id"] == list(salon.parameters)
    assert (30, 300, ("owner", "manager")) == (salon.ttl, salon.stale, salon.roles)


def test_the_operators_come_first(tmp_path: Path) -> None:
    """A folder of the operator's adds dashboards, and stands in for one of ours, also where it has a mistake."""
    written(tmp_path)
    written(tmp_path, name="salon", toml=GOOD.replace("Mine", "Another salon"))
    written(tmp_path, name="contacts", toml="title = 1")
    (tmp_path / "no_definition").mkdir()
    found = load(tmp_path)
    assert ["conversations", "mine", "notifications", "salon"] == list(found.dashboards)
    assert ("Another salon", False) == (found.dashboards["salon"].title, found.dashboards["salon"].shipped)
    assert (0.0, ()) == (found.dashboards["mine"].stale, found.dashboards["mine"].roles)
    assert all("contacts/dashboard.toml" in mistake for mistake in found.mistakes)


def test_a_definition(tmp_path: Path) -> None:
    """Parameters, variants and indexes are read as they are written."""
    toml = """
    title = "All"
    ttl = 0.5
    stale = 2
    roles = ["owner"]
    zone = "n.sql"
    [parameters.since_day]
    kind = "day"
    default = "2026-01-31"
    [parameters.limit]
    kind = "integer"
    longest = 3
    default = "5"
    [data.money]
    sql = ["a.sql", "b.sql"]
    shape = "comparison"
    decimals = 2
    """
    files = {"a": "select :since::date -- x\n;\n", "b": "with x as (select :since_day_end) select 1 from x"}
    written(tmp_path, toml, **files, **{"a.index": "create index on t (a)"})
    dashboard = load(tmp_path).dashboards["mine"]
    (part,) = dashboard.parts
    limit = dashboard.parameters["limit"]
    assert (Kind.INTEGER, 5, 3) == (limit.kind, limit.default, limit.longest)
    assert ("money", Shape.COMPARISON, 2, ["a.sql", "b.sql"]) == (
        part.key,
        part.shape,
        part.decimals,
        [variant.file for variant in part.variants],
    )
    assert ["create index on t (a)", None] == [variant.index for variant in part.variants]
    assert "select X::date" == part.variants[0].filled(lambda name: {"since": "X"}[name]).strip()


MISTAKES = {
    "no TOML": ("title = Mine", {}, "dashboard.toml: is not TOML"),
    "a part twice": (GOOD + '[data.n]\nsql = "n.sql"', {}, "a name may stand there once"),
    "an unknown key": ("colour = 1\n" + GOOD, {}, "dashboard.toml: colour: is no key of a dashboard; remove"),
    "an unknown key within": (GOOD + 'color = "x"', {}, "dashboard.toml: data.n.color: is no key"),
    "no title": (GOOD.replace("title", "#"), {}, "dashboard.toml: title: is missing; add it"),
    "a lasting ttl": (GOOD.replace("10", "-1"), {}, "dashboard.toml: ttl: must be greater than 0"),
    "a ttl in words": (GOOD.replace("10", '"soon"'), {}, "dashboard.toml: ttl: must be a valid number"),
    "an unknown shape": (GOOD.replace("value", "pie"), {}, "dashboard.toml: data.n.shape: must be one of 'value'"),
    "an unknown kind": (GOOD.replace('"id"', '"uuid"'), {}, "parameters.user_id.kind: must be one of 'id'"),
    "nothing to show": ('title = "x"\nttl = 1\n[data]', {}, "dashboard.toml: data: "),
    "no such file": (GOOD.replace("n.sql", "m.sql"), {}, "m.sql: cannot be read: No such file"),
    "a file elsewhere": (GOOD.replace("n.sql", "../n.sql"), {}, "data.n.sql: '../n.sql' is no file of this folder"),
    "a file for nothing": (GOOD, {"m": "select 1"}, "m.sql: is not named in dashboard.toml"),
    "not declared": (
        GOOD,
        {"n": "select :salon_id"},
        ":salon_id is no parameter; declare it under [parameters.salon_id]",
    ),
    "out of place": (GOOD, {"n": "select :until"}, "n.sql: :until is not known here"),
    "a name that is taken": (GOOD.replace("user_id", "now"), {}, "parameters.now: is a name that every statement has"),
    "a name that is none": (GOOD.replace(".user_id", '."User id"'), {}, "is no name for a parameter"),
    "a default that is none": (
        GOOD.replace('kind = "id"', 'kind = "day"\ndefault = "today"'),
        {},
        "parameters.user_id.default: is no day; give it as in",
    ),
    "required by default": (
        GOOD.replace('"id"', '"id"\nrequired = true\ndefault = "x"'),
        {},
        "leave one of the two out",
    ),
    "decimals of a value": (GOOD + "decimals = 2", {}, "data.n.decimals: is for comparisons alone"),
    "empty": (GOOD, {"n": "-- nothing\n"}, "n.sql: is empty; write a SELECT"),
    "two statements": (GOOD, {"n": "select 1; select 2"}, "n.sql: holds more than one statement"),
    "an insert": (
        GOOD,
        {"n": "insert into t values (1) returning 1"},
        "n.sql: has INSERT INTO; a dashboard only reads",
    ),
    "a hidden delete": (GOOD, {"n": "with x as (delete\n from t returning 1) select 1"}, "n.sql: has DELETE FROM"),
    "a lock": (GOOD, {"n": "select 1 from t for no key update"}, "n.sql: has FOR NO KEY UPDATE"),
    "something else": (GOOD, {"n": "vacuum t"}, "n.sql: does not begin with SELECT or WITH"),
    "a number": (GOOD, {"n": "select $1"}, "n.sql: has $1; write the name of a parameter"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(tmp_path: Path, mistake: str) -> None:
    """Each mistake is told with its file and its cure, and leaves out that definition alone."""
    toml, files, told = MISTAKES[mistake]
    mine = written(tmp_path, toml, **files)
    found = load(tmp_path)
    assert NAMES == list(found.dashboards)
    assert told in "\n".join(found.mistakes)
    assert all(each.startswith(str(mine)) for each in found.mistakes)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """Whoever has made three mistakes hears of all three."""
    written(tmp_path, GOOD + "decimals = 1", n="select :one, :two")
    assert 3 == len(load(tmp_path).mistakes)


@pytest.mark.parametrize("name", ["Salon", "my salon", "..mine", "x" * 64])
def test_names(tmp_path: Path, name: str) -> None:
    """The name of a folder stands in an address."""
    written(tmp_path, name=name)
    (mistake,) = load(tmp_path).mistakes
    assert "is no name for a dashboard" in mistake


def test_no_folder(tmp_path: Path) -> None:
    """A folder that has gone since the start takes nothing else with it."""
    assert NAMES == list(load(tmp_path / "gone").dashboards)


def test_the_wheel(tmp_path: Path) -> None:
    """They are in the package that is installed, and are found there, file by file."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "config", tmp_path / "config")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    ask = "from notifyd.dashboards.load import load, shipped; print(shipped(), *load(None).dashboards)"
    told = subprocess.run(
        [sys.executable, "-c", ask],
        env={"PYTHONPATH": str(tmp_path / "installed")},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    place, *names = told.stdout.split()
    assert (tmp_path / "installed/notifyd/dashboards/shipped", NAMES) == (Path(place), names)
    files = {path.relative_to(shipped()) for path in shipped().rglob("*") if path.is_file()}
    assert files == {path.relative_to(place) for path in Path(place).rglob("*") if path.is_file()}
