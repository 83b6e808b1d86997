"""The plans of the engine's statements, made while the tables were empty and kept through a bulk insert.

Nobody has analysed the tables since, a million finished rows lie in the table, and the booking system's own two full
indexes stand beside ours. What counts is which indexes a plan uses and how many pages it touches, never the time.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from notifyd.store.cancelled import NOTE
from notifyd.store.deliveries import INTEND
from notifyd.store.inquiries import PROVE
from notifyd.store.jobs import CLAIM, RENEW
from notifyd.store.listing import LIST_ALL, LIST_SALON, STATUSES
from notifyd.store.migrate import migrate
from notifyd.store.pool import FREE_PLANS, PINNED_PLANS
from notifyd.store.receipts import RECEIVE
from notifyd.store.record import RECORD
from notifyd.store.rescue import ADOPT_ORPHANS, RESCUE
from notifyd.store.retention import FORGET, PURGE
from notifyd.store.rollups import FOLD
from notifyd.store.schedule import PROMOTE, RESCHEDULE_LOST
from notifyd.store.stats import COUNT_ALL, COUNT_SALON, COUNT_SALONS
from notifyd.store.table import Table, inspect
from store.shapes import PRISMA, TABLE, connected

FINISHED = """
insert into notification_jobs
    (id, salon_id, client_id, type, payload, status, attempts, created_at, updated_at, processed_at)
select 'done-' || lpad(n::text, 7, '0'), 'salon', 'client', 'cancellation', '{}',
    (array['completed', 'completed', 'failed', 'cancelled'])[1 + n % 4], 1,
    moment, moment, moment
from (select n, timestamp '2026-01-01' + n * interval '1 second' as moment from generate_series(1, 1000000) n) rows
"""

WAITING = """
insert into notification_jobs (id, salon_id, client_id, type, payload, status, created_at, updated_at)
select status || '-' || n, 'salon', 'client', 'cancellation', '{}', status, moment, moment
from unnest(array['pending', 'processing', 'scheduled', 'held']) status,
    lateral (select n, timestamp '2026-02-01' + n * interval '1 second' as moment from generate_series(1, 2000) n) rows;
insert into notifyd.leases (job_key, job_id, daemon, expires_at)
select notifyd.job_key(id), id, 'somebody',
    now() + case when random() < 0.2 then interval '-1 s' else interval '1 h' end
from notification_jobs where (status || '') = 'processing';
insert into notifyd.schedule (job_key, job_id, due_at, waits_for)
select notifyd.job_key(id), id, now() - interval '1 s', 'sms' from notification_jobs where (status || '') = 'scheduled';
insert into notification_jobs (id, salon_id, client_id, type, payload, status, created_at, updated_at)
select 'off-' || n, 'salon', 'client', 'cancellation', '{}', 'cancelled', '2026-02-01', '2026-02-01'
from generate_series(1, 2000) n;
insert into notifyd.tallies (counts)
select array[row(now(), notifyd.job_key('salon'), 'type ' || n % 20, 'job', 'completed', 1, 0)::notifyd.tally]
from generate_series(1, 2000) n;
"""
"""Two thousand of each; those scheduled wait for a paused provider."""


UNWATCHED = """
alter table notification_jobs set (autovacuum_enabled = off);
alter table notifyd.leases set (autovacuum_enabled = off);
alter table notifyd.schedule set (autovacuum_enabled = off);
alter table notifyd.deliveries set (autovacuum_enabled = off);
alter table notifyd.tallies set (autovacuum_enabled = off);
alter table notifyd.rollups set (autovacuum_enabled = off);
"""
"""Nobody analyses anything while the test runs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What EXPLAIN ANALYZE says of one execution."""

    root: dict[str, Any]
    nodes: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes.extend(_walk(self.root))

    @property
    def indexes(self) -> set[str]:
        """Which indexes it used."""
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def kinds(self) -> set[str]:
        """Of which kinds its nodes are."""
        return {node["Node Type"] for node in self.nodes}

    @property
    def scanned(self) -> set[str]:
        """Which tables it read from end to end."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}

    @property
    def in_vain(self) -> int:
        """How many rows it read and threw away; in `leases`, which is never large, that does not count."""
        nodes = (node for node in self.nodes if node.get("Relation Name", "leases") != "leases")
        return sum(int(node.get("Rows Removed by Filter", 0) * node["Actual Loops"]) for node in nodes)

    @property
    def buffers(self) -> int:
        """How many pages it touched."""
        return int(self.root["Shared Hit Blocks"]) + int(self.root["Shared Read Blocks"])


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)


IDLE = (
    # statement, arguments, an index it must use, pages it may touch at the most
    (CLAIM, "100, 'me', interval '1 min', 1000", "notifyd_pending", 6_000),
    (RESCUE, "100, interval '0'", "notification_jobs_pkey", 6_000),
    (PROMOTE, "array[]::text[], array['sms'], 100", "schedule_waits_for", 300),
    (PROMOTE, "array['sms'], array[]::text[], 100", "schedule_waits_for", 6_000),
    (ADOPT_ORPHANS, "100, interval '5 min'", "notifyd_open", 20_000),
    (RESCHEDULE_LOST, "100", "notifyd_open", 20_000),
    (PURGE, "'completed', interval '1 day', 100", "notifyd_finished", 4_000),
    (PURGE, "'failed', interval '1 day', 100", "notifyd_finished", 4_000),
    (PROVE, "notifyd.job_key('w1'), 1, 'sms', array['SM1', 'SM2'], true, 'why'", "leases_pkey", 100),
    (NOTE, "100", "notifyd_called_off", 4_000),
    (FOLD, "100", "tallies_pkey", 4_000),
    (FORGET, "'00000000-0000-0000-0000-000000000000', 100, interval '1 day'", "deliveries_pkey", 4_000),
)
"""Statements that find their rows themselves."""


COUNTED = (
    (COUNT_ALL, "null, null"),
    (COUNT_SALON, "'salon', null"),
    (COUNT_SALONS, "array['salon', 'nobody'], null"),
    (COUNT_ALL, "null, now() - interval '9 days'"),
)
"""Eight thousand rows wait, and two thousand were called off, in the table of a million."""


def given(leases: list[asyncpg.Record]) -> tuple[tuple[str, str, str, int], ...]:
    """Return the statements that are told which rows, as `IDLE` has the others."""

    def array(column: str, kind: str) -> str:
        return "'{" + ",".join(str(lease[column]) for lease in leases) + "}'::" + kind

    def same(value: str, kind: str) -> str:
        return "'{" + ",".join([value] * len(leases)) + "}'::" + kind

    keys, ids, channels = array("job_key", "uuid[]"), array("lease_id", "bigint[]"), same("email", "text[]")
    who, whom = same("us", "text[]"), same("them", "text[]")
    sends = f"{keys}, {ids}, {channels}, {same('sent', 'text[]')}, {who}, {who}, {who}, {whom}"
    nothing, no, delays = same("null", "text[]"), same("false", "boolean[]"), same("1 min", "interval[]")
    verdicts = f"{keys}, {ids}, {same('scheduled', 'text[]')}, {nothing}, {delays}, {no}, {nothing}"
    counted = f"{keys}, {who}, {same('0', 'int[]')}, {no}"
    nobody, none = same("null", "text[]"), same("null", "bigint[]")
    told = f"{keys}, {channels}, {same('undelivered', 'text[]')}, {nobody}, {nobody}, {who}, {no}, {delays}"
    receipts = f"{told}, {same('0', 'int[]')}, {nobody}, {none}, array['accepted', 'undelivered', 'delivered']"
    return (
        (
            INTEND,
            f"{keys}, {ids}, {channels}, {array('job_id', 'text[]')}, {who}, {whom}, {nothing}, {counted}",
            "leases_pkey",
            4_000,
        ),
        (RENEW, f"{ids}, interval '1 min'", "leases_pkey", 4_000),
        (RECORD, f"{sends}, {verdicts}", "notification_jobs_pkey", 16_000),
        (RECEIVE, receipts, "deliveries_pkey", 8_000),
    )


LISTED = tuple(
    (sql, index, f"array[{states}], '{below}', 5, 'infinity', 5, '-infinity', null, null, 51, {salon}, false, false")
    for sql, index, salon in (
        (LIST_ALL, "notifyd_listed", "null"),
        (LIST_SALON, "notifyd_listed_salon", "'salon'"),
        (LIST_SALON, "notifyd_listed_salon", "'nobody'"),
    )
    for states in (", ".join(f"'{status}'" for status in STATUSES), "'failed'", "'held'")
    for below in ("infinity", "2026-01-06T00:00:00")
)
"""Pages: of all salons, one with all the jobs, one without any; of all states, or one; from the top, or deep down."""


async def prepare(connection: asyncpg.Connection, table: Table) -> dict[str, str]:
    """Prepare every statement while nothing is there, and run those that can be. Returns the names by statement."""
    names: dict[str, str] = {}
    for sql in {sql for sql, *_ in IDLE} | {INTEND, RENEW, RECORD, RECEIVE}:
        names[sql] = f"kept_{len(names)}"
        await connection.execute(f"prepare {names[sql]} as {table.bind(sql)}")
    for sql, arguments, *_ in (*IDLE, *given([])):
        await connection.execute(f"execute {names[sql]}({arguments})")
    return names


async def explain(connection: asyncpg.Connection, statement: str) -> Plan:
    """Run a prepared statement by the plan it has, and undo it."""
    transaction = connection.transaction()
    await transaction.start()
    told = await connection.fetchval(f"explain (analyze, buffers, format json) execute {statement}")
    await transaction.rollback()
    return Plan(json.loads(told)[0]["Plan"])


async def test_index_look_ups_alone(empty_database: str) -> None:
    """Every statement of the engine uses the index meant for it, sorts and scans nothing, and touches few pages."""
    async with connected(empty_database) as admin:
        await admin.execute(PRISMA)
        await migrate(empty_database)
        await admin.execute(UNWATCHED)
    async with connected(empty_database, **PINNED_PLANS) as engine:
        names = await prepare(engine, await inspect(engine, TABLE))
        await engine.execute(FINISHED)
        await engine.execute(WAITING)
        leases = await engine.fetch("select * from notifyd.leases order by random() limit 200")
        for sql, arguments, index, pages in (*IDLE, *given(leases)):
            plan = await explain(engine, f"{names[sql]}({arguments})")
            seen = f"{sql}\n{arguments[:60]}\n{plan.kinds}\n{plan.indexes}\n{plan.buffers} pages"
            assert index in plan.indexes, seen
            assert not {name for name in plan.indexes if name.startswith("notification_jobs_status_")}, seen
            assert not plan.scanned - {"leases"}, seen  # it holds no more rows than jobs are in flight
            assert not plan.kinds & {"Hash Join", "Merge Join", "Bitmap Heap Scan"}, seen
            assert plan.buffers <= pages, seen
            assert 0 == plan.in_vain, seen
            assert not {name for name in plan.indexes if name.startswith("notifyd_listed")}, seen
    await check_pages(empty_database)
    await check_counts(empty_database)


async def check_pages(dsn: str) -> None:
    """Every page of a list is an index scan for each state that ends with the page, by either kind of plan."""
    async with connected(dsn, **FREE_PLANS) as web:
        table = await inspect(web, TABLE)
        for mode in ("force_generic_plan", "force_custom_plan"):
            await web.execute(f"set plan_cache_mode = {mode}")
            for number, (sql, index, arguments) in enumerate(LISTED):
                await web.execute(f"prepare {mode}_{number} as {table.bind(sql)}")
                plan = await explain(web, f"{mode}_{number}({arguments})")
                seen = f"{mode}\n{arguments}\n{plan.kinds}\n{plan.indexes}\n{plan.buffers} pages"
                assert {index} == plan.indexes, seen
                assert not plan.kinds & {"Seq Scan", "Bitmap Heap Scan"}, seen
                assert plan.buffers <= 500, seen
                assert 0 == plan.in_vain, seen


async def check_counts(dsn: str) -> None:
    """Counting reads what waits and no more, whatever is known of the table, by either kind of plan."""
    async with connected(dsn, **FREE_PLANS) as web:
        table = await inspect(web, TABLE)
        for learn in ("select", "vacuum analyze notification_jobs"):
            await web.execute(learn)
            for mode in ("force_generic_plan", "force_custom_plan"):
                await web.execute(f"set plan_cache_mode = {mode}")
                for sql, arguments in COUNTED:
                    await web.execute(f"prepare counting as {table.bind(sql)}")
                    plan = await explain(web, f"counting({arguments})")
                    await web.execute("deallocate counting")
                    seen = f"{learn}\n{mode}\n{arguments}\n{plan.indexes}\n{plan.buffers} pages"
                    assert plan.indexes >= {"notifyd_called_off", "notifyd_unknown"}, seen
                    assert not {name for name in plan.indexes if name.startswith("notification_jobs_status_")}, seen
                    assert "notification_jobs" not in plan.scanned, seen
                    assert plan.buffers <= 20_000, seen
