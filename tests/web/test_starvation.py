"""Whoever watches the daemon is answered, however many look at figures and lists, and however slow those are."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
import anyio
import asyncpg

from notifyd.stores import LISTS_CONNECTIONS
from notifyd.web.guard import MOST_SLOW
from notifyd.web.places import PLACES
from support.jobs import insert_job
from support.waiting import until
from support.world import World
from web.serving import BLOCKED, House, served

CROWD = {"/jobs?type=nosuch": 20, "/stats?salon_id=%d": 20, "/stats/stream?salon_id=%d": 10, "/stats/database": 40}
"""How many ask for what at once, each of them for as long as the test runs."""

FORGED = """
create schema forged;
create function forged.hashtextextended(text, bigint) returns bigint language plpgsql immutable as
    'begin perform pg_advisory_xact_lock_shared(7); return 0; end';
create function forged.pg_is_in_recovery() returns boolean language plpgsql as
    'begin perform pg_advisory_xact_lock_shared(8); return false; end'
"""
"""Lists alone call the first, and the server's facts the second; each waits for as long as somebody holds its lock."""

LISTS, FACTS = 7, 8


@asynccontextmanager
async def crowded(address: str) -> AsyncIterator[Counter[tuple[str, int]]]:
    """Let everybody of the crowd ask again and again while the block runs; gives what they were answered."""
    answered: Counter[tuple[str, int]] = Counter()

    async def look(http: aiohttp.ClientSession, path: str, number: int) -> None:
        while True:
            async with http.get(path.replace("%d", str(number))) as answer:
                await answer.read()
                answered[path, answer.status] += 1
            await anyio.sleep(0.1)  # a loop that is refused at once would keep two cores busy

    async with (
        aiohttp.ClientSession(address, connector=aiohttp.TCPConnector(limit=0)) as http,
        anyio.create_task_group() as crowd,
    ):
        for path, size in CROWD.items():
            for number in range(size):
                crowd.start_soon(look, http, path, number)
        yield answered
        crowd.cancel_scope.cancel()


async def test_a_crowd_starves_no_probe(world: World, connection: asyncpg.Connection) -> None:
    """While the table is locked and everything that reads it hangs, the daemon is ready and its database is up."""
    with world.daemon() as daemon:
        address = await daemon.http()
        ready: Awaitable[bool] = until(lambda: _answers(address, "/readyz"))
        await ready
        await connection.execute("begin; lock table notification_jobs in access exclusive mode")
        async with crowded(address) as answered, aiohttp.ClientSession(address) as http:
            hanging: Awaitable[bool] = until(lambda: _blocked(world.booking, LISTS_CONNECTIONS + PLACES))
            await hanging
            for _ in range(5):
                async with http.get("/readyz") as answer:
                    assert (200, {"ready": True, "reasons": [], "paused": {}}) == (answer.status, await answer.json())
            async with http.get("/metrics") as answer:
                text = await answer.text()
            assert (200, True) == (answer.status, "notifyd_database_up 1.0" in text)
            assert "notifyd_jobs{" not in text
            for pool, statement in (("health", "ping.PING"), ("lists", "listing.LIST_ALL")):
                assert f'notifyd_statement_seconds_count{{pool="{pool}",statement="{statement}"}}' in text
            async with http.get("/readyz") as answer:
                assert 200 == answer.status
            assert not [key for key in answered if key == ("/jobs?type=nosuch", 200)]
            assert answered["/jobs?type=nosuch", 503]
        await connection.execute("rollback")
        recovered: Awaitable[bool] = until(lambda: _answers(address, "/jobs"))
        await recovered


async def _answers(address: str, path: str) -> bool:
    async with aiohttp.ClientSession(address) as http, http.get(path) as answer:
        return answer.status == HTTPStatus.OK


async def _blocked(connection: asyncpg.Connection, least: int) -> bool:
    blocked: int = await connection.fetchval(BLOCKED)
    return blocked >= least


async def hold(connection: asyncpg.Connection, lock: int) -> None:
    """Let all that calls one of the forged functions hang, on connections that are opened from now on."""
    await insert_job(connection)
    await connection.execute(FORGED)
    name = await connection.fetchval("select current_database()")
    await connection.execute(f"alter database {name} set search_path = forged, pg_catalog, public")
    await connection.execute("select pg_advisory_lock($1)", lock)


@asynccontextmanager
async def asked(house: House, path: str, times: int) -> AsyncIterator[list[int]]:
    """Ask several times at once, and wait for the answers at the end of the block; gives their statuses."""
    statuses: list[int] = []

    async def ask() -> None:
        async with house.http.get(path) as answer:
            statuses.append(answer.status)

    async with anyio.create_task_group() as crowd:
        for _ in range(times):
            crowd.start_soon(ask)
        yield statuses


async def check_the_rest(house: House, *paths: str) -> None:
    """All of these, the page, readiness and metrics are answered at once, the counts with them."""
    start = anyio.current_time()
    for path in ("/", "/openapi.json", "/readyz", "/stats", "/stats?salon_id=salon-1", *paths):
        async with house.http.get(path) as answer:
            assert (path, 200) == (path, answer.status)
    async with house.http.get("/metrics") as answer:
        assert 'notifyd_jobs{status="pending"} 1.0' in await answer.text()
    assert anyio.current_time() - start < 1.5


async def test_slow_lists_leave_the_rest_alone(database: str, connection: asyncpg.Connection) -> None:
    """While every place for lists is taken, one more is refused at once, and everything else is answered."""
    await hold(connection, LISTS)
    async with served(database) as house:
        async with asked(house, "/jobs", MOST_SLOW) as statuses:
            taken: Awaitable[bool] = until(lambda: _blocked(connection, LISTS_CONNECTIONS))
            await taken
            async with house.http.get("/jobs") as answer:
                assert (503, "1") == (answer.status, answer.headers["Retry-After"])
                assert {"error", "cure"} == set(await answer.json())
            await check_the_rest(house, "/stats/database")
            assert 0 == len(statuses)
            await connection.execute("select pg_advisory_unlock($1)", LISTS)
        assert [200] * MOST_SLOW == statuses


async def test_slow_facts_leave_the_rest_alone(database: str, connection: asyncpg.Connection) -> None:
    """Whoever asks for the server's facts takes one connection between them, and no place from who asks for others."""
    await hold(connection, FACTS)
    async with served(database) as house:
        async with asked(house, "/stats/database", MOST_SLOW) as statuses:
            taken: Awaitable[bool] = until(lambda: _blocked(connection, 1))
            await taken
            async with house.http.get("/stats/database") as answer:
                assert (503, "1") == (answer.status, answer.headers["Retry-After"])
            await check_the_rest(house, "/jobs")
            assert 1 == house.vitals.pools["stats"].active
            await connection.execute("select pg_advisory_unlock($1)", FACTS)
        assert [200] * MOST_SLOW == statuses
