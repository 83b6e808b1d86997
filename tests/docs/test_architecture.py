"""docs/architecture.md names what there is: every file once, every column, trigger, index, table and layer."""

import re
import tomllib
from collections import Counter
from pathlib import PurePosixPath

from docs.pages import ROOT, blocks, read, table
from notifyd.model import verdict
from notifyd.model.job import DeliveryState, State
from notifyd.store.adopt import INDEXES, TRIGGERS
from notifyd.store.migrate import migrations
from notifyd.store.table import REQUIRED

PAGE = "docs/architecture.md"


def _source() -> set[PurePosixPath]:
    package = ROOT / "src/notifyd"
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {PurePosixPath(path.relative_to(package).as_posix()) for path in files}


def _rows() -> list[str]:
    section = read(PAGE).split("## Every file\n")[1].split("\n## ")[0]
    return re.findall(r"(?m)^\| `([^`]+)` \| .+ \|$", section)


def _is(path: PurePosixPath, row: str) -> bool:
    return len(path.parts) == row.count("/") + 1 and path.match(row)


def test_every_file_is_named_once() -> None:
    """Each file of src/notifyd has one row that fits it, and each row a file."""
    fitting = {path: [row for row in _rows() if _is(path, row)] for path in _source()}
    assert {} == {str(path): rows for path, rows in fitting.items() if len(rows) != 1}
    assert set() == set(_rows()) - {row for rows in fitting.values() for row in rows}
    assert [] == [row for row, times in Counter(_rows()).items() if times > 1]


def test_files_that_the_walk_leads_to_exist() -> None:
    """A newcomer finds what the walk through the source names."""
    walk = read(PAGE).split("## A walk through the source\n")[1]
    for name in re.findall(r"`([\w/]+\.(?:py|sql))`", walk):
        assert (ROOT / "src/notifyd" / name).exists() or (ROOT / name).exists(), name


def test_the_columns_are_those_of_the_contract() -> None:
    """Each column that notifyd reads or writes, the optional ones too."""
    columns = [name for row in table(PAGE, "The table and its columns") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted([*REQUIRED, "run_at", "expires_at"]) == sorted(columns)


def test_triggers_indexes_and_tables_are_named() -> None:
    """What is made on the booking system's table, and the tables of our own."""
    page = read(PAGE)
    assert set(TRIGGERS) == set(re.findall(r"(?m)^\| trigger `(\w+)`", page))
    assert set(INDEXES) == set(re.findall(r"(?m)^\| index `(\w+)`", page))
    made = re.findall(r"create table (notifyd\.\w+)", "".join(migration.sql for migration in migrations()))
    assert {*made, "notifyd.migrations"} == set(re.findall(r"(?m)^\| `(notifyd\.\w+)` \|", page))


def test_the_states_are_drawn() -> None:
    """Both diagrams hold every state there is, and the table every verdict."""
    rows, ledger = (block.text for block in blocks(PAGE) if block.heading == "The states")
    assert [] == [state for state in State if not re.search(rf"\b{state}\b", rows)]
    assert [] == [state for state in DeliveryState if not re.search(rf"\b{state}\b", ledger)]
    told = {re.findall(r"`(\w+)`", row)[0] for row in re.findall(r"(?m)^\| `[A-Z]\w+` \|.*$", read(PAGE))}
    assert {kind.__name__ for kind in (verdict.Done, verdict.Bury, verdict.Cancel, verdict.Hold, verdict.Defer)} == told


def test_the_layers_are_those_that_are_checked() -> None:
    """The floors of the house stand on the page as import-linter holds the code to them."""
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (drawn,) = (block.text for block in blocks(PAGE) if block.heading == "Who may import whom")
    assert contracts[0]["layers"] == drawn.splitlines()
