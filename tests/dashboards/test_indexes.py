"""The indexes of dashboards, on booking systems of both kinds: what reads a large table is found, mended, and gone.

The SQL that mends is taken word for word, so that a recommendation that PostgreSQL does not take, or that does not
help, fails here.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import pytest
from benchmarks.salon_schema import TYPES

from dashboards.reading import open_reader
from notifyd.dashboards import load
from notifyd.store.explain import Question
from notifyd.store.indexes import survey
from notifyd.store.questions import of_dashboard
from notifyd.store.remark import Kind, Remark
from store.shapes import TABLE, connected
from support.databases import Databases

CLIENTS = """
insert into clients (salon_id, is_active, tags, created_at)
select md5((n % 500)::text)::uuid{as_id}, n % 3 > 0, {tags}, timestamp '2026-01-01' + n * interval '1 minute'
from generate_series(1, 200000) n;
analyze clients;
"""

TAGS = {
    "text[]": "case when n % 100 = 0 then array['new', 'VIP'] else array['new'] end",
    "jsonb": 'case when n % 100 = 0 then jsonb \'["new", "VIP"]\' else jsonb \'["new"]\' end',
}


@dataclass(frozen=True)
class Shop:
    """A booking system with 200,000 clients and no index but its keys."""

    dsn: str
    tags: str
    connection: asyncpg.Connection

    async def look(self, *questions: Question) -> list[Remark]:
        """Survey it; without questions, with those of the dashboard `salon`."""
        if not questions:
            async with open_reader(self.dsn) as store:
                questions = tuple(await of_dashboard(store, load(None).dashboards["salon"]))
        return [remark for remark in await survey(self.dsn, TABLE, questions) if _is_of_clients(remark)]

    async def run(self, sql: str) -> None:
        """Run statements one by one, as psql does: CONCURRENTLY stands in no transaction."""
        for statement in sql.split(";"):
            if statement.strip():
                await self.connection.execute(statement)


def _is_of_clients(remark: Remark) -> bool:
    about = (remark.table, remark.statement or "", remark.index or "")
    return any("client" in name for name in about)


@pytest.fixture(params=list(TYPES))
async def shop(request: pytest.FixtureRequest, databases: Databases) -> AsyncIterator[Shop]:
    """Give a shop of each kind."""
    types, dsn = TYPES[request.param], await databases.create()
    connection = await asyncpg.connect(dsn)
    as_id = "" if types.id == "uuid" else "::text"
    await connection.execute(types.tables() + CLIENTS.format(as_id=as_id, tags=TAGS[types.tags]))
    yield Shop(dsn, types.tags, connection)
    await connection.close()
    await databases.drop(dsn)


async def test_found_mended_clean(shop: Shop) -> None:
    """Each statement that reads all clients is named with its index; with all of them nothing is left to say."""
    found = await shop.look()
    vip = "salon/vip_clients.sql" if shop.tags == "text[]" else "salon/vip_clients_jsonb.sql"
    expected = {
        "salon/new_clients.sql": "clients_created",
        "salon/total_clients.sql": "clients_active",
        vip: "clients_vip",
    }
    scans = {remark.statement: remark for remark in found if remark.kind is Kind.SCAN}
    assert expected == {name: remark.index for name, remark in scans.items()}
    assert {True} == {remark.grave for remark in found}
    assert all("public.clients" == remark.table and remark.bytes > 8_000_000 for remark in scans.values())
    assert "reads all of public.clients" in scans[vip].text
    assert "200,000 rows" in scans[vip].text
    for remark in found:
        assert remark.sql is not None
        await shop.run(remark.sql)
    await shop.run("analyze clients")
    assert [] == await shop.look()


async def test_the_wrong_vip_index_is_recognised(shop: Shop) -> None:
    """An index whose predicate does not follow from the statement's condition is not taken for one that looks alike."""
    like = "'VIP' = any(tags)" if shop.tags == "text[]" else "tags ? 'VIP'"
    await shop.run(f"create index clients_vip on clients (salon_id) where is_active and {like}")
    (remark,) = [remark for remark in await shop.look() if "vip" in str(remark.statement)]
    assert (Kind.SCAN, True) == (remark.kind, remark.grave)
    assert remark.sql is not None
    assert remark.sql.startswith("create index concurrently clients_vip_2 on")
    await shop.run(remark.sql)
    assert not [remark for remark in await shop.look() if "vip" in str(remark.statement)]


VIP = "on clients (salon_id) where is_active and tags @> '{VIP}'"


@pytest.mark.parametrize("unique", ["unique", ""])
@pytest.mark.parametrize("shop", ["prisma"], indirect=True)
async def test_the_name_is_taken(shop: Shop, unique: str) -> None:
    """An index of the booking system's that has the name stays; ours gets a free one, and is known by what it is."""
    await shop.run(f"create {unique} index clients_vip on clients (id); create table clients_vip_2 (id int)")
    (remark,) = [remark for remark in await shop.look() if "vip" in str(remark.statement)]
    assert (Kind.SCAN, True, "clients_vip_3") == (remark.kind, remark.grave, remark.index)
    assert remark.text.endswith("; another one is called clients_vip, hence the name clients_vip_3")
    assert f"create index concurrently clients_vip_3 {VIP};" == remark.sql
    await shop.run(remark.sql)
    assert not [remark for remark in await shop.look() if "vip" in str(remark.statement)]
    assert await shop.connection.fetchval("select to_regclass('clients_vip')")


@pytest.mark.parametrize("shop", ["prisma"], indirect=True)
async def test_a_unique_index_that_serves(shop: Shop) -> None:
    """One that has the name and does the work is left at that, whatever else it is for."""
    await shop.run("create unique index clients_created on clients (salon_id, created_at, id)")
    assert not [remark for remark in await shop.look() if "new_clients" in str(remark.statement)]


@pytest.mark.parametrize("shop", ["prisma"], indirect=True)
async def test_our_own_that_is_invalid(shop: Shop) -> None:
    """A build that broke off is told where it hurts, and mended by one statement."""
    async with connected(shop.dsn) as holder:
        await holder.execute("begin; lock clients in row exclusive mode")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await shop.run(f"set lock_timeout = '50ms'; create index concurrently clients_vip {VIP}")
    invalid, scan = [remark for remark in await shop.look() if "vip" in str(remark.index)]
    assert (Kind.INVALID, True) == (invalid.kind, invalid.grave)
    assert (Kind.SCAN, True, None) == (scan.kind, scan.grave, scan.sql)
    assert scan.text.endswith("; index public.clients_vip, which would serve it, is invalid")
    assert "reindex index concurrently public.clients_vip;" == invalid.sql
    await shop.run(invalid.sql)
    assert not [remark for remark in await shop.look() if "vip" in str(remark.index)]


@pytest.mark.parametrize("shop", ["prisma"], indirect=True)
async def test_a_stand_in_is_not_called_unused(shop: Shop) -> None:
    """What was built under another name is a declared index all the same, also while no plan takes it."""
    await shop.run("create index active on clients (id); create index active_2 on clients (salon_id) where is_active")
    everybody = Question(
        "clients/all",
        "select count(*) from clients where is_active",
        index="create index active on clients (salon_id) where is_active",
    )
    remarks = await survey(shop.dsn, TABLE, [everybody], timedelta(0))
    assert [] == [remark.index for remark in remarks if remark.kind in {Kind.UNUSED, Kind.ABSENT}]


async def test_nothing_is_taken_away(shop: Shop) -> None:
    """Whoever runs all that is printed, unread, still has every index that he had."""
    await shop.run(
        "create unique index clients_vip on clients (id); create index clients_active on clients (tags);"
        " create index twin on clients (id, tags); create index other on clients (id, tags);"
        " create index idle on clients (tags, id)"
    )
    everything = "select array_agg(indexname::text) from pg_indexes where tablename = 'clients'"
    before = set(await shop.connection.fetchval(everything))
    async with open_reader(shop.dsn) as store:
        questions = await of_dashboard(store, load(None).dashboards["salon"])
    found = await survey(shop.dsn, TABLE, questions, timedelta(0))
    assert {Kind.SCAN, Kind.DUPLICATE, Kind.UNUSED} <= {remark.kind for remark in found}
    for remark in found:
        await shop.run(remark.sql or "")
    after = set(await shop.connection.fetchval(everything))
    assert before | {"clients_created", "clients_active_2", "clients_vip_2"} == after


@pytest.mark.parametrize(
    ("predicate", "why"),
    [
        ("is_active and 'VIP' = any(tags)", "its predicate does not follow from the condition"),
        ("is_active and tags @> '[\"VIP\"]'", "cannot be built: malformed array literal"),
        ("is_active and tags @> '{{VIP,new}}'", "its predicate does not follow from the condition"),
        ("is_actve", 'cannot be built: column "is_actve" does not exist'),
    ],
)
@pytest.mark.parametrize("shop", ["prisma"], indirect=True)
async def test_a_declared_index_that_cannot_serve(shop: Shop, predicate: str, why: str) -> None:
    """What is declared is put to the proof, and never recommended when it fails; the one that serves is."""
    sql = "select count(*) from clients where salon_id = $1 and is_active and tags @> '{VIP}'"
    wrong = Question(
        "clients/wrong", sql, index=f"create index concurrently vip on clients (salon_id) where {predicate}"
    )
    scan, unfit = await shop.look(wrong)
    assert (Kind.SCAN, True, None) == (scan.kind, scan.grave, scan.sql)
    assert (Kind.UNFIT, True, None) == (unfit.kind, unfit.grave, unfit.sql)
    assert why in unfit.text
    assert "DETAIL" not in unfit.text
    right = Question("clients/right", sql, index="create index Vip_2 on clients using gin (tags)")
    scan = next(remark for remark in await shop.look(wrong, right) if remark.statement == "clients/wrong")
    assert "create index concurrently vip_2 on clients using gin (tags);" == scan.sql


@pytest.mark.parametrize("shop", ["prisma"], indirect=True)
async def test_what_no_index_would_help(shop: Shop) -> None:
    """A statement that wants much of a table is no finding; one that wants a page of it, or few rows, is."""
    active = "create index active on clients (salon_id) where is_active"  # it fits, whether or not it is worth it
    everybody = Question("clients/all", "select count(*) from clients where is_active", index=active)
    page = Question("clients/page", "select * from clients order by created_at limit 10")
    one = Question("clients/one", "select * from clients where created_at = $1")
    key = Question("clients/key", "select * from public.clients where id = $1")
    remarks = await shop.look(everybody, page, one, key)
    assert {Kind.SCAN} == {remark.kind for remark in remarks}
    expected = {"clients/all": False, "clients/page": True, "clients/one": True}
    assert expected == {remark.statement: remark.grave for remark in remarks}


@pytest.mark.parametrize("shop", ["prisma"], indirect=True)
async def test_a_view_cannot_be_proven(shop: Shop) -> None:
    """Where a proof is not to be had nothing is recommended, and the declaration is not called wrong."""
    await shop.run("create view people as select * from clients")
    sql = "select count(*) from people where salon_id = $1"
    question = Question("clients/view", sql, index="create index by_salon on clients (salon_id)")
    kinds = {(remark.kind, remark.grave, remark.sql) for remark in await shop.look(question)}
    assert {(Kind.SCAN, True, None), (Kind.UNFIT, False, None)} == kinds


@pytest.mark.parametrize("shop", ["prisma"], indirect=True)
async def test_nothing_is_changed(shop: Shop) -> None:
    """Neither table nor index stays behind, and no statement is run."""
    await shop.run("create sequence runs")
    everything = "select count(*), max(oid::bigint) from pg_class where relnamespace <> pg_my_temp_schema()"
    before = await shop.connection.fetchrow(everything)
    index = "create index by_salon on clients (salon_id)"
    runs = Question("clients/runs", "select nextval('runs') from clients where salon_id = $1", index=index)
    assert await shop.look(runs)
    assert before == await shop.connection.fetchrow(everything)
    assert not await shop.connection.fetchval("select is_called from runs")
