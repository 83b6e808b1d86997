"""docs/dashboards.md: what it builds is what runs, and its tables name what there is."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from docs.pages import ROOT, blocks, prose, table
from notifyd.dashboards import load
from notifyd.dashboards.load import shipped
from notifyd.dashboards.written import Written, WrittenParameter, WrittenPart
from notifyd.model.dashboard import PERIOD, SPAN, Shape
from notifyd.model.parameters import Kind
from web.serving import served

PAGE = "docs/dashboards.md"

ROWS = """
create table jobs (id text, user_id text, status text, created_at timestamp);
create table contacts (id text, user_id text, job_id text, role text, production text);
insert into jobs values ('1', 'u', 'open', now()), ('2', 'u', 'filled', now()), ('3', 'v', 'open', now());
insert into contacts values ('1', 'u', '1', 'Director', 'Harbour'), ('2', 'u', '1', 'Director', 'Harbour'),
    ('3', 'u', '2', null, 'Harbour'), ('4', 'v', '3', 'Camera', null);
"""

FILES = ("dashboard.toml", "jobs.sql", "contacts.sql", "jobs.index.sql", "contacts.index.sql")


def built() -> dict[str, str]:
    """Return the files that the page builds."""
    written = [block for block in blocks(PAGE) if block.heading == "Writing one" and block.language != "json"]
    return dict(zip(FILES, (block.text for block in written), strict=True))


def test_the_files_are_those_that_run() -> None:
    """Letter by letter, and there are no others."""
    assert {path.name: path.read_text() for path in (shipped() / "contacts").iterdir()} == built()


async def test_the_answer(tmp_path: Path, database: str) -> None:
    """Somebody who copies the files from the page gets, over HTTP, the answer that stands there, but for its moment."""
    (tmp_path / "contacts").mkdir()
    for name, text in built().items():
        (tmp_path / "contacts" / name).write_text(text)
    found = load(tmp_path)
    assert () == found.mistakes
    connection = await asyncpg.connect(database)
    await connection.execute(ROWS)
    for name in FILES[3:]:
        await connection.execute(built()[name])
    await connection.close()
    async with served(database, dashboards=found.dashboards) as house:
        async with house.http.get("/dashboards/contacts?user_id=u") as shown:
            answer = await shown.json()
        async with house.http.get("/dashboards/contacts") as refused:
            assert {"success", "error", "cure"} == set(await refused.json())
    (block,) = blocks(PAGE, "json")
    told = json.loads(block.text)
    assert {**told, "as_of": answer["as_of"]} == answer
    assert all(datetime.fromisoformat(each["as_of"]).utcoffset() == timedelta() for each in (told, answer))


def test_the_tables_are_whole() -> None:
    """Every key, kind, shape and name is explained."""
    keys = {row[0].strip("`") for row in table(PAGE, "The TOML file")}
    assert keys == {
        *(Written.model_fields.keys() - {"parameters", "data"}),
        *(f"parameters.NAME.{key}" for key in WrittenParameter.model_fields),
        *(f"data.KEY.{key}" for key in WrittenPart.model_fields),
    }
    page = prose(PAGE)
    assert [] == [name for name in (*PERIOD, *SPAN) if f"`:{name}`" not in page]
    assert [] == [word for word in (*Shape, *Kind) if f"`{word}`" not in page]


@pytest.mark.parametrize("name", load(None).dashboards)
def test_each_is_described(name: str) -> None:
    """Each dashboard that comes with notifyd has its section, with every key of its data and every parameter."""
    section = prose(PAGE).split(f"\n### {name}\n")[1].split("\n### ")[0]
    dashboard = load(None).dashboards[name]
    for word in [part.key for part in dashboard.parts] if name != "contacts" else []:
        assert f"`{word}`" in section, word
    assert [] == [parameter for parameter in dashboard.parameters if f"{parameter}=" not in section]
    assert (ROOT / "config/dashboards" / name).is_dir()
