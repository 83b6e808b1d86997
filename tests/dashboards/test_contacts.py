"""The dashboard `contacts` over jobs that a booking system left without a status."""

import pytest

from dashboards.reading import indexes, open_reader
from notifyd.dashboards import load
from notifyd.store.dashboards import run
from notifyd.store.proven import prove
from store.shapes import connected

CONTACTS = load(None).dashboards["contacts"]

JOBS = """
create type state as enum ('open', 'none');
create table contacts (user_id text, role text, production text);
create table jobs (user_id text, status {status});
insert into jobs values ('u', 'open'), ('u', 'none'), ('u', null), ('u', null);
insert into jobs select n::text from generate_series(1, 20000) n;
"""


@pytest.mark.parametrize("status", ["text", "state"])
async def test_jobs_without_a_status(empty_database: str, status: str) -> None:
    """They count as `none`, together with those that say so, and the declared index alone is read."""
    async with connected(empty_database) as connection, open_reader(empty_database) as store:
        await connection.execute(JOBS.format(status=status))
        for statement in await indexes(store, CONTACTS):
            await connection.execute(statement)
        await connection.execute("vacuum analyze jobs")
        assert {"open": 1, "none": 3} == (await run(store, CONTACTS, {"user_id": "u"}, None)).data["jobs"]
        sql = (await prove(store, CONTACTS)).sql
        plan = "\n".join(row[0] for row in await store.fetch_unbound(f"explain {sql}", None, "u"))
        assert "Index Only Scan using jobs_user on jobs" in plan
