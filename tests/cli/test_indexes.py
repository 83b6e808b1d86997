"""`notifyd indexes` as an operator runs it, and as CI does."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from support.command_line import CommandLine
from support.databases import Databases

REMARK = {"kind", "text", "table", "bytes", "statement", "index", "sql"}


async def test_nothing_to_mend(notifyd: CommandLine, database: str) -> None:
    """A database that was just migrated exits with 0; that no booking system is there is a note for each dashboard."""
    plain = notifyd("indexes", DATABASE_URL=database)
    assert (0, "") == (plain.code, plain.err)
    assert plain.out.endswith("ok    nothing to mend\n")
    answer = notifyd("indexes", "--json", DATABASE_URL=database)
    shown = json.loads(answer.out)
    assert (0, True, []) == (answer.code, shown["ok"], shown["findings"])
    assert {"ok", "findings", "notes"} == set(shown)
    assert {"salon", "contacts", "conversations"} <= {note["statement"] for note in shown["notes"]}
    assert all(REMARK == set(note) for note in shown["notes"])


async def test_a_finding(notifyd: CommandLine, database: str) -> None:
    """What is to be mended exits with 1, and its SQL can be piped into psql."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("drop index notifyd_open")
        plain = notifyd("indexes", DATABASE_URL=database)
        answer = notifyd("indexes", "--json", DATABASE_URL=database)
        assert (1, 1) == (plain.code, answer.code)
        assert "missing" in plain.out
        assert "      create index concurrently notifyd_open on" in plain.out
        shown = json.loads(answer.out)
        (finding,) = shown["findings"]
        assert (False, "missing", "notifyd_open") == (shown["ok"], finding["kind"], finding["index"])
        await connection.execute(finding["sql"])
        assert 0 == notifyd("indexes", DATABASE_URL=database).code
    finally:
        await connection.close()


async def test_dashboards_of_ones_own(notifyd: CommandLine, database: str, tmp_path: Path) -> None:
    """The operator's dashboards are looked at, in the place of ours of the same name; one with a mistake is a note."""
    for name, toml in (("contacts", ""), ("faulty", "color = 'red'\n")):
        folder = tmp_path / "own" / name
        folder.mkdir(parents=True)
        (folder / "dashboard.toml").write_text(
            f'title = "T"\nttl = 1\n{toml}[data.n]\nsql = "n.sql"\nshape = "value"\n'
        )
        (folder / "n.sql").write_text("select count(*) from visits where at = :now")
    (tmp_path / "own/contacts/n.index.sql").write_text("create index concurrently if not exists own on visits (att)")
    connection = await asyncpg.connect(database)
    await connection.execute("create table visits (at timestamptz)")
    await connection.close()
    answer = notifyd("indexes", "--json", DATABASE_URL=database, NOTIFYD_DASHBOARDS_DIR=str(tmp_path / "own"))
    shown = json.loads(answer.out)
    assert [("contacts/n.sql", "unfit")] == [(found["statement"], found["kind"]) for found in shown["findings"]]
    (mistake,) = [note["text"] for note in shown["notes"] if "faulty" in note["text"]]
    assert mistake.endswith("dashboard.toml: color: is no key of a dashboard; remove or correct it")
    assert "contacts" not in {note["statement"] for note in shown["notes"]}


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_no_database_there(notifyd: CommandLine, arguments: tuple[str, ...]) -> None:
    """A database that cannot be reached exits with 3 and one line without the password."""
    answer = notifyd("indexes", *arguments, DATABASE_URL="postgresql://notifyd:hunter2@127.0.0.1:1/bookings")
    assert (3, "") == (answer.code, answer.out)
    assert answer.err.startswith("notifyd: the database could not be reached: ")
    assert "hunter2" not in answer.err


async def test_never_migrated(notifyd: CommandLine, empty_database: str) -> None:
    """A database without the table is told so, with the cure."""
    answer = notifyd("indexes", DATABASE_URL=empty_database)
    assert (1, "") == (answer.code, answer.out)
    assert "run `notifyd migrate`" in answer.err


async def test_as_the_daemons_role(notifyd: CommandLine, databases: Databases, database: str) -> None:
    """The rights of the daemon's role are enough to look at our own statements."""
    name = urlsplit(database).path.strip("/")
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(f"create role looker login password '{databases.cluster.password}'")
        await connection.execute(notifyd("migrate", "--role", "looker", DATABASE_URL=database).out)
        answer = notifyd("indexes", "--json", DATABASE_URL=databases.cluster.dsn(name, user="looker"))
        assert (0, []) == (answer.code, json.loads(answer.out)["findings"]), answer.err
        assert not [note for note in json.loads(answer.out)["notes"] if "." in (note["statement"] or "")]
    finally:
        await connection.execute("drop owned by looker; drop role looker")
        await connection.close()
