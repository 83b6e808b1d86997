"""The role of the printed GRANTs can do all that the daemon does, and nothing more."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from notifyd.model.job import State
from notifyd.model.outcome import Suppress
from notifyd.model.verdict import Defer, Done
from notifyd.store.jobs import release_strays, renew
from notifyd.store.listen import CHANNEL
from notifyd.store.migrate import MigrationRefused, grants, migrate
from notifyd.store.pool import open_store
from notifyd.store.record import VerdictRecord, record
from notifyd.store.rescue import adopt_orphans
from notifyd.store.retention import FIRST_KEY, forget, purge
from notifyd.store.schedule import promote, reschedule_lost
from notifyd.store.stats import read
from store.shapes import SHAPES, TABLE, connected
from store.steps import LEASE, SMS, complete, go_ahead, let_expire, rescue_all, send, settle, take
from support.databases import Databases
from support.jobs import insert_job

ROLE = 'least "privileged" role'


@pytest.fixture(params=["ours", *SHAPES])
async def role_dsn(databases: Databases, empty_database: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Give the DSN of the role, in a database whose PUBLIC may do nothing, with any shape of the table."""
    name = empty_database.partition("?")[0].rpartition("/")[2]
    quoted = ROLE.replace('"', '""')
    async with connected(empty_database) as admin:
        await admin.execute("revoke all on schema public from public")
        await admin.execute(SHAPES.get(request.param, "select"))
        await migrate(empty_database)
        await admin.execute(f"create role \"{quoted}\" login password '{databases.cluster.password}'")
        await admin.execute("\n".join(grants(TABLE, ROLE)))
    yield databases.cluster.dsn(name, user=ROLE.replace('"', "%22").replace(" ", "%20"))
    async with connected(empty_database) as admin:
        await admin.execute(f'drop owned by "{quoted}"; drop role "{quoted}"')


async def test_the_daemon_s_whole_life(role_dsn: str, empty_database: str) -> None:
    """Every statement that the daemon ever runs is allowed."""
    async with connected(empty_database) as booking, open_store(role_dsn, TABLE, connections=2) as store:
        for _ in range(4):
            await insert_job(booking)
        await insert_job(booking, status="processing")
        await insert_job(booking, status="scheduled")
        done, deferred, stray, dead = await take(store)
        await complete(store, done)
        await go_ahead(store, deferred, channel=SMS)
        await record(store, [send(deferred, Suppress("gone"), SMS), VerdictRecord(deferred, Defer(LEASE, spent=True))])
        assert {dead.lease_id} == await renew(store, [dead.lease_id], LEASE)
        assert [stray.id] == await release_strays(store, "one", [dead.lease_id])
        await go_ahead(store, dead)
        await let_expire(booking)
        assert [("email",)] == [rescued.unknown for rescued in await rescue_all(store)]
        assert 1 == len(await adopt_orphans(store, 10, LEASE))
        assert 1 == len(await reschedule_lost(store, 10))
        assert 1 == (await promote(store, [SMS], [], 10)).moved
        assert 3 == len(await take(store))
        assert 1 == await purge(store, State.COMPLETED, timedelta(seconds=-1), 10)
        assert 0 == (await forget(store, FIRST_KEY, timedelta(), 10)).forgotten
        assert 1 == (await read(store)).channels["sms"].suppressed
        assert (await settle(store, done, Done())).lease_held is False
    async with connected(role_dsn) as connection:
        await connection.execute(f"listen {CHANNEL}")
        await connection.execute("select pg_notify($1, 'probe')", CHANNEL)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into notification_jobs (salon_id, client_id, type, payload) values ('s', 'c', 't', '{}')",
        "truncate notification_jobs",
        "alter table notification_jobs add column mine text",
        "alter table notification_jobs disable trigger all",
        "drop table notification_jobs",
        "create index on notification_jobs (salon_id)",
        "create table public.mine (id int)",
        "create table notifyd.mine (id int)",
        "create schema mine",
        "create or replace function notifyd.wake() returns trigger language plpgsql as 'begin return null; end'",
        "truncate notifyd.leases",
        "drop table notifyd.leases",
        "insert into notifyd.migrations (name) values ('9999_mine')",
        "delete from notifyd.migrations",
        "update notifyd.migrations set name = 'x'",
        "select setval('notifyd.lease_ids', 1)",
    ],
)
@pytest.mark.parametrize("role_dsn", ["ours"], indirect=True)
async def test_nothing_more(role_dsn: str, statement: str) -> None:
    """No DDL, no row of its own in the booking system's table, no meddling with the history or with lease ids."""
    async with connected(role_dsn) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize("role_dsn", ["ours"], indirect=True)
async def test_it_cannot_migrate(role_dsn: str, empty_database: str) -> None:
    """It can see that nothing is missing; what is missing it is told to leave to the owner."""
    assert [] == await migrate(role_dsn, dry_run=True)
    async with connected(empty_database) as admin:
        await admin.execute("drop trigger notifyd_wake on notification_jobs")
    with pytest.raises(MigrationRefused, match="as the owner of the table"):
        await migrate(role_dsn)
