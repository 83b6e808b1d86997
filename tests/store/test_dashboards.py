"""A dashboard sees one snapshot in one round trip, writes nothing, has its time, and is told when it does not fit."""

import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest

from dashboards.reading import open_reader
from notifyd.dashboards import load
from notifyd.model.dashboard import Dashboard
from notifyd.model.parameters import Unacceptable
from notifyd.store import snapshots
from notifyd.store.connect import DatabaseUnavailable
from notifyd.store.dashboards import NothingThere, run
from notifyd.store.pool import Store
from notifyd.store.proven import prove
from notifyd.store.statements import UNNAMED
from notifyd.store.unusable import Unreadable, Unusable
from store.shapes import connected
from support.databases import Databases
from support.pgbouncer import pgbouncer
from support.proxy import Proxy
from support.standby import standby

Define = Callable[..., Dashboard]

SALONS = """
create table salons (id text primary key, timezone text);
insert into salons values ('berlin', 'Europe/Berlin'), ('nowhere', 'Nowhere3'), ('odd', '''; drop'), ('small',
    'europe/berlin'), ('empty', ''), ('none', null), ('local', 'localtime');
create table visits (salon_id text, at timestamp);
"""

TOML = 'title = "T"\nttl = 1\nzone = "zone.sql"\nparameters.salon_id = {kind = "id", required = true}\n'
ZONE = "select timezone from salons where id = :salon_id"


@pytest.fixture
def define(tmp_path: Path) -> Define:
    """Give a maker of definitions: `data` by key, as (shape, SQL)."""

    def made(toml: str = TOML, zone: str = ZONE, **data: tuple[str, str]) -> Dashboard:
        folder = tmp_path / "mine"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "zone.sql").write_text(zone)
        for key, (shape, text) in data.items():
            toml += f'data.{key} = {{sql = "{key}.sql", shape = "{shape}"}}\n'
            (folder / f"{key}.sql").write_text(text)
        (folder / "dashboard.toml").write_text(toml)
        found = load(tmp_path)
        assert () == found.mistakes
        return found.dashboards["mine"]

    return made


@pytest.fixture
async def reader(database: str, connection: asyncpg.Connection) -> AsyncIterator[Store]:
    """Give a store to read with from a database that has salons."""
    await connection.execute(SALONS)
    async with open_reader(database) as opened:
        yield opened


async def shown(store: Store, dashboard: Dashboard, now: datetime | None = None, **given: str) -> dict[str, Any]:
    """Return the data of a dashboard, for Berlin's salon where no other is named."""
    return (await run(store, dashboard, {"salon_id": "berlin", **given}, now)).data


async def test_the_transaction(reader: Store, define: Define) -> None:
    """All statements run in one transaction that is what was promised, in UTC, under a time limit."""
    dashboard = define(
        one=("value", "select current_setting('transaction_isolation') || current_setting('transaction_read_only')"),
        two=("value", "select current_setting('statement_timeout') || current_setting('timezone')"),
        same=("value", "select pg_current_snapshot()::text || now()"),
        again=("value", "select pg_current_snapshot()::text || now()"),
    )
    data = await shown(reader, dashboard)
    assert {"one": "repeatable readon", "two": "4sUTC"} == {key: data[key] for key in ("one", "two")}
    assert data["same"] == data["again"]


async def test_behind_a_pooler(
    databases: Databases, database: str, connection: asyncpg.Connection, define: Define
) -> None:
    """Through PgBouncer in transaction mode it is the same, and no transaction is left open, whatever becomes of it."""
    await connection.execute(SALONS)
    setting = ("value", "select current_setting('transaction_isolation') || current_setting('transaction_read_only')")
    good = define(
        one=setting, two=("value", "select current_setting('statement_timeout') || current_setting('timezone')")
    )
    with pgbouncer(databases.cluster, 1) as port:
        through = database.replace(f":{databases.cluster.port}/", f":{port}/")
        async with open_reader(through, pooled=True) as store:
            assert {"one": "repeatable readon", "two": "4sUTC"} == await shown(store, good)
            with pytest.raises(Unusable, match="DivisionByZeroError"):
                await shown(store, define(one=("value", "select 1 / (length(:salon_id) - 6)")))
            assert 0 == await connection.fetchval(
                "select count(*) from pg_stat_activity where state like 'idle in transaction%'"
            )


async def test_one_round_trip(
    databases: Databases, database: str, connection: asyncpg.Connection, define: Define
) -> None:
    """A dashboard of five statements costs one message and its answer, once it is prepared; ten may be shown so."""
    await connection.execute(SALONS)
    dashboard = define(**{key: ("value", f"select {number}") for number, key in enumerate("abcde")})
    port = databases.cluster.port
    async with Counting(port) as proxy, open_reader(database.replace(f":{port}/", f":{proxy.port}/")) as store:
        assert {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4} == await shown(store, dashboard)
        before = proxy.asked
        for _ in range(10):
            await shown(store, dashboard)
        assert 10 == proxy.asked - before


class Counting(Proxy):
    """A proxy that counts how often a client says something."""

    asked = 0

    async def _carry(self, data: bytes, sink: Any, link: Any) -> None:
        self.asked += sink.get_extra_info("peername")[1] == self._target and bool(data)
        await super()._carry(data, sink, link)


async def test_nothing_is_written(reader: Store, connection: asyncpg.Connection, define: Define) -> None:
    """A function that writes is refused, told as a fault of the definition, and other dashboards go on."""
    await connection.execute(
        "create function sneak() returns int language sql volatile as $$ insert into visits values ('x') returning 1 $$"
    )
    with pytest.raises(Unusable, match="calls what writes"):
        await shown(reader, define(one=("value", "select sneak()")))
    assert {"one": 0} == await shown(reader, define(one=("value", "select count(*) from visits")))


async def test_its_time(reader: Store, define: Define, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that takes too long is cut off, and the next one works."""
    monkeypatch.setattr("notifyd.store.dashboards.READ_LIMIT", 0.3)
    with anyio.fail_after(5), pytest.raises(DatabaseUnavailable, match="time limit"):
        await shown(reader, define(one=("value", "select pg_sleep(60)::text")))
    assert {"one": 1} == await shown(reader, define(one=("value", "select 1")))


async def test_the_server_has_the_limit_too(reader: Store) -> None:
    """The limit is the server's as well: nothing runs on after a daemon that has died."""
    assert [("4s",)] == [tuple(row) for row in await reader.fetch_unbound("show statement_timeout")]
    assert f"statement_timeout = '{snapshots.READ_LIMIT * 1_000:.0f}'" in snapshots.BEGIN


@pytest.mark.parametrize(
    ("salon", "zone"),
    [("berlin", "Europe/Berlin"), *((salon, "UTC") for salon in ("nowhere", "odd", "small", "empty", "none", "local"))],
)
async def test_zones(reader: Store, define: Define, salon: str, zone: str) -> None:
    """What is no zone of the server's list is UTC, also what its parser would take."""
    now = datetime(2026, 7, 31, 22, 30, tzinfo=UTC)
    data = await shown(
        reader,
        define(name=("value", "select :timezone"), start=("value", "select :current_start")),
        now,
        salon_id=salon,
    )
    expected = "2026-07-31T22:00:00+00:00" if salon == "berlin" else "2026-07-01T00:00:00+00:00"
    assert {"name": zone, "start": expected} == data


PERIODS = (
    # zone, now, month before, month, month after, the month before so far
    (
        "Europe/Berlin",
        "2026-03-31T10:00Z",
        "2026-01-31T23:00",
        "2026-02-28T23:00",
        "2026-03-31T22:00",
        "2026-02-28T23:00",
    ),
    (
        "Europe/Berlin",
        "2024-03-29T11:00Z",
        "2024-01-31T23:00",
        "2024-02-29T23:00",
        "2024-03-31T22:00",
        "2024-02-29T11:00",
    ),
    (
        "Europe/Berlin",
        "2026-04-10T10:00Z",
        "2026-02-28T23:00",
        "2026-03-31T22:00",
        "2026-04-30T22:00",
        "2026-03-10T11:00",
    ),
    (
        "Asia/Kolkata",
        "2026-12-31T18:30Z",
        "2026-11-30T18:30",
        "2026-12-31T18:30",
        "2027-01-31T18:30",
        "2026-11-30T18:30",
    ),
    (
        "America/Havana",
        "2026-11-01T04:00Z",
        "2026-10-01T04:00",
        "2026-11-01T04:00",
        "2026-12-01T05:00",
        "2026-10-01T04:00",
    ),
    (
        "America/Havana",
        "2026-11-01T03:59Z",
        "2026-09-01T04:00",
        "2026-10-01T04:00",
        "2026-11-01T04:00",
        "2026-10-01T04:00",
    ),
    (
        "America/Asuncion",
        "2017-10-15T03:00Z",
        "2017-09-01T04:00",
        "2017-10-01T04:00",
        "2017-11-01T03:00",
        "2017-09-15T04:00",
    ),
    (
        "Australia/Lord_Howe",
        "2026-04-20T00:00Z",
        "2026-02-28T13:00",
        "2026-03-31T13:00",
        "2026-04-30T13:30",
        "2026-03-19T23:30",
    ),
)


@pytest.mark.parametrize("expected", PERIODS, ids=lambda row: f"{row[0]} {row[1]}")
async def test_periods(
    reader: Store, define: Define, connection: asyncpg.Connection, expected: tuple[str, ...]
) -> None:
    """Months by the salon's clock: short ones, leap years, hours that come twice, a midnight that never was."""
    zone, now, *bounds = expected
    await connection.execute("update salons set timezone = $1 where id = 'berlin'", zone)
    names = ("previous_start", "current_start", "next_start", "previous_to_date")
    dashboard = define(**{name: ("value", f"select to_char(:{name}, 'YYYY-MM-DD\"T\"HH24:MI')") for name in names})
    assert dict(zip(names, bounds, strict=True)) == await shown(reader, dashboard, datetime.fromisoformat(now))


async def test_the_databases_clock(reader: Store, define: Define) -> None:
    """Without `now` it is the database's; `as_of` always is."""
    dashboard = define(now=("value", "select :now = now()"))
    assert {"now": True} == await shown(reader, dashboard)
    answer = await run(reader, dashboard, {"salon_id": "berlin"}, datetime(2020, 1, 1, tzinfo=UTC))
    assert {"now": False} == answer.data
    assert (2026, UTC) <= (answer.as_of.year, answer.as_of.tzinfo)


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "timestamp(3)", "date"])
async def test_bounds_use_an_index(reader: Store, connection: asyncpg.Connection, define: Define, kind: str) -> None:
    """A column without a zone is compared as UTC and served by its index, as one with a zone is, on any server."""
    await connection.execute(
        f"drop table visits; create table visits (salon_id text, at {kind}); set timezone to 'Asia/Kolkata';"
        " insert into visits select 'berlin', timestamptz '2025-12-01Z' at time zone 'UTC' + n * interval '10 min'"
        " from generate_series(1, 20000) n; create index visits_at on visits (salon_id, at); analyze visits"
    )
    visits = "select count(*) from visits where salon_id = :salon_id and at >= :since and at < :until"
    dashboard = define(visits=("comparison", visits))
    proven = await prove(reader, dashboard)
    plan = "\n".join(row[0] for row in await reader.fetch_unbound(f"explain {proven.sql}", None, "berlin"))
    assert "visits_at" in plan
    assert "(at >= s.since) AND (at < s.until)" in plan
    assert "Seq Scan on visits" not in plan


async def test_shapes(reader: Store, define: Define) -> None:
    """Each shape of an answer, with rows and without; numbers are numbers."""
    none = "from salons where false"
    dashboard = define(
        value=("value", "select 12.50"),
        row=("row", "select 1 as a, null as b, 0.1::float8 as c"),
        rows=("rows", "select n from generate_series(1, 2) n order by n desc"),
        comparison=("comparison", "select case when :until <= :current_start then 200 else 201 end"),
        no_value=("value", f"select id {none}"),
        no_row=("row", f"select id {none}"),
        no_rows=("rows", f"select id {none}"),
        infinite=("comparison", "select 'infinity'::float8"),
        nothing=("comparison", "select null::int"),
    )
    empty = {"current": 0, "previous": 0, "change": 0, "currentToDate": 0, "previousToDate": 0, "changeToDate": 0}
    assert {
        "value": 12.5,
        "row": {"a": 1, "b": None, "c": 0.1},
        "rows": [{"n": 2}, {"n": 1}],
        "comparison": {
            "current": 402,
            "previous": 400,
            "change": 1,
            "currentToDate": 201,
            "previousToDate": 200,
            "changeToDate": 1,
        },
        "no_value": None,
        "no_row": None,
        "no_rows": [],
        "infinite": dict.fromkeys(empty),
        "nothing": empty,
    } == await shown(reader, dashboard)


async def test_variants_and_types(reader: Store, connection: asyncpg.Connection, tmp_path: Path) -> None:
    """The first variant that the database takes is used, ids compare as uuid too, and a change of types is survived."""
    await connection.execute("create table tagged (salon_id uuid, tags jsonb)")
    dashboard = _with_variants(tmp_path)
    who = "35e6fd63-bb3a-b0a9-1943-e5b4c5c0ba78"
    await connection.execute(
        "insert into tagged values ($1, '[\"VIP\"]'), ($1, '{\"VIP\": 1}'), ($1, '[\"VIPs\"]')", who
    )
    assert {"n": 1} == (await run(reader, dashboard, {"who": who}, None)).data
    assert ("", "jsonb.sql") == tuple(statement.file for statement in (await prove(reader, dashboard)).statements)
    with pytest.raises(Unacceptable, match="is no UUID"):
        await run(reader, dashboard, {"who": "salon-1"}, None)
    await connection.execute("drop table tagged; create table tagged (salon_id text, tags text[])")
    await connection.execute("insert into tagged values ('salon-1', '{VIP,x}'), ('salon-1', '{vip}')")
    with pytest.raises(Unusable):
        await run(reader, dashboard, {"who": who}, None)
    assert {"n": 1} == (await run(reader, dashboard, {"who": "salon-1"}, None)).data
    await connection.execute("alter table tagged alter tags type jsonb using to_jsonb(tags)")
    with pytest.raises(Unusable, match="invalid input syntax for type json"):
        await run(reader, dashboard, {"who": "salon-1"}, None)  # of class 22, and yet it is the statement
    assert {"n": 1} == (await run(reader, dashboard, {"who": "salon-1"}, None)).data


@pytest.mark.parametrize(
    "who",
    [
        "6F961D6C-6b2b-4f0e-9f0a-3d1f5b7c9e11",
        "{6f961d6c-6b2b-4f0e-9f0a-3d1f5b7c9e11}",
        "6f961d6c6b2b4f0e9f0a3d1f5b7c9e11",
        "6f96-1d6c-6b2b-4f0e-9f0a-3d1f-5b7c-9e11",
        "urn:uuid:6f961d6c-6b2b-4f0e-9f0a-3d1f5b7c9e11",
        "6f-961d6c6b2b4f0e9f0a3d1f5b7c9e11",
        "6f961d6c6b2b4f0e9f0a3d1f5b7c9e11-",
        "{6f961d6c-6b2b-4f0e-9f0a-3d1f5b7c9e11",
        "6f961d6c-6b2b-4f0e-9f0a-3d1f5b7c9e11}",
        "6f961d6c_6b2b_4f0e_9f0a_3d1f5b7c9e11",
        "6f961d6c6b2b4f0e9f0a3d1f5b7c9e1\N{FULLWIDTH DIGIT ONE}",
        "6f961d6c-6b2b-4f0e-9f0a-3d1f5b7c9e11\n",
    ],
)
async def test_what_a_uuid_is(reader: Store, connection: asyncpg.Connection, define: Define, who: str) -> None:
    """What PostgreSQL reads as a `uuid` is found, as a `text` beside it too; anything else is the viewer's mistake."""
    await connection.execute("create table guests (id uuid); create table notes (guest text)")
    await connection.execute("insert into notes values ($1)", who)
    dashboard = define(
        TOML.replace("salon_id", "who"),
        zone="select 'UTC' as timezone",
        guests=("value", "select count(*) from guests where id = :who"),
        notes=("value", "select count(*) from notes where guest = :who"),
    )
    try:
        await connection.execute(f"insert into guests values ('{who}')")
    except asyncpg.InvalidTextRepresentationError:
        with pytest.raises(Unacceptable, match="is no UUID"):
            await run(reader, dashboard, {"who": who}, None)
    else:
        assert {"guests": 1, "notes": 1} == (await run(reader, dashboard, {"who": who}, None)).data


async def test_a_value_proves_nothing(reader: Store, define: Define) -> None:
    """What fails over a value or a row is told, and does not make the definition be proven again."""
    dashboard = define(n=("value", "select 1 / (length(:salon_id) - 6)"))
    with pytest.raises(Unusable, match="DivisionByZeroError"):
        await shown(reader, dashboard)
    before = reader.watch.vitals.statements[UNNAMED].count  # proofs have no name
    with pytest.raises(Unusable, match="DivisionByZeroError"):
        await shown(reader, dashboard)
    assert {"n": -1} == await shown(reader, dashboard, salon_id="local")
    assert before == reader.watch.vitals.statements[UNNAMED].count


def _with_variants(folder: Path) -> Dashboard:
    mine = folder / "mine"
    mine.mkdir()
    tagged = "select count(*) from tagged where salon_id = :who and tags @> "
    (mine / "array.sql").write_text(f"{tagged} '{{VIP}}'")
    (mine / "jsonb.sql").write_text(f"{tagged} '[\"VIP\"]'")
    (mine / "dashboard.toml").write_text(
        'title = "T"\nttl = 1\nparameters.who = {kind = "id"}\n'
        'data.n = {sql = ["array.sql", "jsonb.sql"], shape = "value"}\n'
    )
    return load(folder).dashboards["mine"]


async def test_what_a_viewer_may_not(reader: Store, define: Define) -> None:
    """What is missing, unknown or unreadable is told, an unknown salon is not there, and empty counts as none."""
    dashboard = define(
        TOML + 'parameters.day = {kind = "day"}\nparameters.n = {kind = "integer", default = "7"}\n',
        day=("row", "select :day as since, :day_end as until, :n as n"),
    )
    for given, parameter in (
        ({}, "salon_id"),
        ({"salon_id": ""}, "salon_id"),
        ({"salon_id": "a\0"}, "salon_id"),
        ({"salon_id": "\ud800"}, "salon_id"),
        ({"salon_id": "x" * 201}, "salon_id"),
        ({"salon_id": "berlin", "day": "2026-02-30"}, "day"),
        ({"salon_id": "berlin", "n": "9223372036854775808"}, "n"),
        ({"salon_id": "berlin", "n": "1.5"}, "n"),
        ({"salon_id": "berlin", "color": "red"}, "a parameter"),
    ):
        with pytest.raises(Unacceptable) as refused:
            await run(reader, dashboard, given, None)
        assert parameter == refused.value.parameter
    with pytest.raises(NothingThere):
        await run(reader, dashboard, {"salon_id": "'; drop table salons --"}, None)
    assert {"day": {"since": None, "until": None, "n": 7}} == await shown(reader, dashboard, day="")
    assert {"since": "2026-03-28T23:00:00+00:00", "until": "2026-03-29T22:00:00+00:00", "n": 1} == (
        await shown(reader, dashboard, day="2026-03-29", n="1")
    )["day"]


async def test_what_does_not_fit(reader: Store, define: Define) -> None:
    """A table that is not there is told with dashboard and file, and a viewer's value is in no error."""
    with pytest.raises(Unusable, match=r'dashboard mine: one.sql: relation "nowhere" does not exist'):
        await shown(reader, define(one=("value", "select count(*) from nowhere")))
    for wrong in ("select 1, 2", "select count(*) from salons where"):
        with pytest.raises(Unusable):
            await prove(reader, define(one=("value", wrong)))
    with pytest.raises(Unusable) as told:
        await shown(reader, define(one=("value", "select :salon_id::int")))
    assert "berlin" not in str(told.value)
    with pytest.raises(Unusable, match="CardinalityViolation"):
        await shown(reader, define(one=("row", "select 1 from salons")))


@pytest.fixture
async def stranger(databases: Databases, database: str, connection: asyncpg.Connection) -> AsyncIterator[Store]:
    """Give a store to read with as a role that has no right in a database that has salons."""
    await connection.execute(SALONS)
    await connection.execute(f"create role \"the stranger\" login password '{databases.cluster.password}'")
    name = database.partition("?")[0].rpartition("/")[2]
    async with open_reader(databases.cluster.dsn(name, user="the%20stranger")) as opened:
        yield opened
    await connection.execute('drop owned by "the stranger"; drop role "the stranger"')


async def test_a_missing_right(stranger: Store, connection: asyncpg.Connection) -> None:
    """No fallback is taken over it, its cure is a GRANT that works, and one that is taken back is told the same way."""
    dashboard, given = load(None).dashboards["notifications"], {"salon_id": "berlin"}
    await connection.execute("revoke execute on all functions in schema notifyd from public")
    cures = set()
    for _ in range(4):
        with pytest.raises(Unreadable, match=r"dashboard notifications: \w+\.sql: permission denied for") as told:
            await run(stranger, dashboard, given, None)
        cures.add(told.value.cure)
        await connection.execute(told.value.cure)
    assert {
        'grant select on salons to "the stranger"',
        'grant usage on schema notifyd to "the stranger"',
        'grant execute on function notifyd.job_key(text) to "the stranger"',
        'grant select on notifyd.counts to "the stranger"',
    } == cures
    assert "Europe/Berlin" == (await run(stranger, dashboard, given, None)).data["timezone"]
    await connection.execute('revoke select on salons from "the stranger"')
    with pytest.raises(Unreadable) as told:
        await run(stranger, dashboard, given, None)
    assert 'grant select on salons to "the stranger"' == told.value.cure


async def test_a_better_choice_is_noticed(
    reader: Store, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fallback still works when the column comes that it stands in for, and is left for it after a minute."""
    dashboard, given = load(None).dashboards["notifications"], {"salon_id": "berlin"}
    await connection.execute("alter table salons rename timezone to tz")
    assert "UTC" == (await run(reader, dashboard, given, None)).data["timezone"]
    assert {"no_zones.sql": "zone.sql"} == (await prove(reader, dashboard)).instead
    await connection.execute("alter table salons rename tz to timezone")
    assert "UTC" == (await run(reader, dashboard, given, None)).data["timezone"]
    monkeypatch.setattr("notifyd.store.proven.AGAIN", 0.0)  # the minute is over
    assert "Europe/Berlin" == (await run(reader, dashboard, given, None)).data["timezone"]
    before = reader.watch.vitals.statements[UNNAMED].count  # proofs have no name
    assert "Europe/Berlin" == (await run(reader, dashboard, given, None)).data["timezone"]
    assert before == reader.watch.vitals.statements[UNNAMED].count


async def test_a_replica(restartable_pair: tuple[str, str], define: Define) -> None:
    """Dashboards are read from a standby; one that is away keeps nobody from starting, and is used when it is back."""
    primary, replica = restartable_pair
    async with connected(primary) as connection:
        await connection.execute(SALONS)
    dashboard = define(one=("value", "select pg_is_in_recovery()"))
    async with open_reader(replica, replica=True) as store:
        assert {"one": True} == await shown(store, dashboard)
    several = replica.replace("@127.0.0.1", "@127.0.0.1:1,127.0.0.1")
    async with open_reader(several, replica=True) as store:  # of several the first that answers
        assert {"one": True} == await shown(store, dashboard)
    async with open_reader("postgresql://nobody@127.0.0.1:1/nothing", replica=True) as store:
        with pytest.raises(DatabaseUnavailable):
            await shown(store, dashboard)


@pytest.fixture
async def restartable_pair(restartable: Any) -> AsyncIterator[tuple[str, str]]:
    """Give the DSNs of a primary and its standby."""
    dsn = await Databases(restartable).create()
    with standby(restartable) as second:
        yield dsn, dsn.replace(f":{restartable.port}/", f":{second.port}/")
