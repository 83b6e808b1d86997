"""`/stats/database` over a real socket: what the pool went through, and the server while it is there."""

import json
from pathlib import Path

import anyio
import asyncpg
import pytest

from notifyd.demo.postgres import Cluster
from notifyd.stores import STATS_CONNECTIONS
from notifyd.web import database as route
from support.databases import Databases
from web.serving import House, served

SCHEMAS = json.loads((Path(route.__file__).parent / "openapi.json").read_text())["components"]["schemas"]


async def seen(house: House) -> tuple[int, dict[str, object]]:
    """Ask, and return status and body."""
    async with house.http.get("/stats/database") as answer:
        return answer.status, await answer.json()


async def test_what_is_seen(database: str) -> None:
    """Pool, statements and server are told with the keys of the description, and no value of a statement."""
    async with served(database) as house:
        async with house.http.get("/stats", params={"salon_id": "a-salon"}) as answer:
            assert 200 == answer.status
        status, body = await seen(house)
    assert 200 == status
    pool = body["pools"]["stats"]  # type: ignore[index]
    assert set(SCHEMAS["Database"]["required"]) == set(body)
    assert set(SCHEMAS["Pool"]["required"]) == set(pool)
    assert set(SCHEMAS["Server"]["required"]) == set(body["server"])  # type: ignore[call-overload]
    ping = body["pools"]["health"]["statements"]["ping.PING"]  # type: ignore[index]
    assert set(SCHEMAS["Durations"]["required"]) == set(ping)
    assert 1 == ping["count"]
    assert 0 < ping["p50_ms"] <= ping["p99_ms"] <= ping["max_ms"] == ping["total_ms"]
    assert (STATS_CONNECTIONS, {}, 0) == (pool["limit"], pool["errors"], pool["timeouts"])
    assert "a-salon" not in json.dumps(body)


async def test_without_a_database(restartable: Cluster) -> None:
    """What this process knows is told all the same, with the reason and 503."""
    async with served(await Databases(restartable).create()) as house:
        assert 200 == (await seen(house))[0]
        await anyio.to_thread.run_sync(restartable.kill)
        status, body = await seen(house)
    assert (503, None) == (status, body["server"])
    assert set(SCHEMAS["Refusal"]["required"]) < set(body)
    assert {"pools", "server", "error", "cure"} == set(body)
    pool = body["pools"]["stats"]  # type: ignore[index]
    assert pool["statements"]["server.FACTS"]["count"] >= 1
    assert 1 == sum(pool["errors"].values())


async def test_a_server_that_is_slow(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes within its limit, however long the server takes; a locked table is no hindrance."""
    locker = await asyncpg.connect(database)
    try:
        await locker.execute("begin; lock table notification_jobs in access exclusive mode")
        async with served(database) as house:
            assert 200 == (await seen(house))[0]
            monkeypatch.setattr(route, "READ_LIMIT", 0.0)
            status, body = await seen(house)
            assert (503, "the database does not answer: no answer within the time limit") == (status, body["error"])
    finally:
        await locker.close()
