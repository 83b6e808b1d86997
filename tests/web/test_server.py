"""The HTTP surface over a real socket, with a real database behind it that may go away."""

import asyncio
import gc
import json
import os
import signal
import tracemalloc
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import asyncpg
import pytest

from notifyd import log
from notifyd.demo.postgres import Cluster
from notifyd.web import routes
from notifyd.web.cache import OURS
from notifyd.web.guard import MOST_IN_FLIGHT
from notifyd.web.server import AddressUnavailable, HttpConfig, serve
from support.databases import Databases
from support.waiting import until
from web.serving import House, served

OPENAPI = Path(routes.__file__).parent / "openapi.json"
PATHS = (
    "/healthz",
    "/readyz",
    "/stats",
    "/stats/database",
    "/dashboards",
    "/jobs",
    "/metrics",
    "/openapi.json",
    "/",
    "/page.css",
    "/page.js",
    "/live.js",
)


async def get(house: House, path: str, **headers: str) -> tuple[int, Any]:
    """Ask, and return status and JSON."""
    async with house.http.get(path, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_health_asks_nobody(restartable: Cluster) -> None:
    """The process turns, whatever has become of the database."""
    async with served(await Databases(restartable).create()) as house:
        restartable.kill()
        assert (200, {"status": "ok"}) == await get(house, "/healthz")


async def test_a_port_is_bound_before_it_is_told(database: str) -> None:
    """Port 0 takes a free one, which is logged and reported, and answers at once."""
    heard: list[tuple[str, log.Fields]] = []

    def listen(_level: int, event: str, fields: log.Fields) -> None:
        heard.append((event, fields))

    log.listeners.append(listen)
    try:
        async with served(database) as house:
            assert ("web.listening", {"host": "127.0.0.1", "port": house.port}) in heard
            assert 200 == (await get(house, "/healthz"))[0]
    finally:
        log.listeners.remove(listen)


async def test_a_taken_port_is_explained(database: str) -> None:
    """A second daemon on the port ends with the address and what to do."""
    async with served(database) as house:
        with pytest.raises(AddressUnavailable, match=rf"127\.0\.0\.1 port {house.port} .*http_port"):
            await serve(HttpConfig(port=house.port), [])


async def test_stats_over_http(database: str) -> None:
    """What a script reads is the snapshot, with the keys that the description promises."""
    async with served(database) as house:
        await house.store.fetch("insert into {table} (salon_id, client_id, type, payload) values ('s', 'c', 't', '{}')")
        status, body = await get(house, "/stats")
        assert 200 == status
        assert 1 == body["jobs"]["pending"]
        schemas = json.loads(OPENAPI.read_text())["components"]["schemas"]
        assert set(schemas["Stats"]["required"]) == set(body)
        assert set(schemas["Stats"]["properties"]["jobs"]["required"]) == set(body["jobs"])
        assert all(set(schemas["Channel"]["required"]) == set(one) for one in body["channels"].values())
        assert 0 == (await get(house, "/stats?salon_id=other"))[1]["jobs"]["pending"]
        assert 1 == (await get(house, "/stats?salon_id=s"))[1]["jobs"]["pending"]


async def test_stats_are_kept_for_a_moment(database: str) -> None:
    """What was counted is shown again and is 304 to whoever has it, until our own counts or that salon are heard of."""
    async with served(database) as house:
        made = house.vitals.cache_loads_total
        async with house.http.get("/stats") as answer:
            etag = answer.headers["ETag"]
        async with house.http.get("/stats", headers={"If-None-Match": etag}) as answer:
            assert (304, b"") == (answer.status, await answer.read())
        house.cache.forget("salon-1")
        assert 200 == (await get(house, "/stats"))[0]
        assert 1 == made["stats", "made"]
        for number, word in enumerate((OURS, ""), start=2):
            house.cache.forget(word)
            assert 200 == (await get(house, "/stats"))[0]
            assert number == made["stats", "made"]


async def test_metrics_share_what_was_counted(database: str) -> None:
    """Prometheus gets the counts that the page was shown, and makes them where they are older than a second."""
    async with served(database) as house:
        for path in ("/stats", "/metrics"):
            async with house.http.get(path) as answer:
                assert 200 == answer.status
        assert 1 == house.vitals.cache_loads_total["stats", "made"]


async def test_a_herd_of_viewers_is_not_refused(database: str) -> None:
    """Whoever waits for an answer that is being made takes no place from others."""
    async with served(database) as house:
        locker = await asyncpg.connect(database)
        try:
            await locker.execute("begin; lock table notification_jobs in access exclusive mode")
            statuses: list[int] = []

            async def ask(path: str) -> None:
                async with house.http.get(path) as answer:
                    statuses.append(answer.status)

            async with anyio.create_task_group() as herd:
                for _ in range(3 * MOST_IN_FLIGHT):
                    herd.start_soon(ask, "/stats")
                found = house.vitals.cache_requests_total
                waiting: Awaitable[bool] = until(lambda: found["stats", "joined"] >= MOST_IN_FLIGHT)
                await waiting
                assert 200 == (await get(house, "/openapi.json"))[0]
                await locker.execute("rollback")
        finally:
            await locker.close()
        assert [200] * 3 * MOST_IN_FLIGHT == statuses


async def test_a_herd_for_many_salons_is_served(database: str) -> None:
    """More salons at once than there are places wait for each other; meanwhile Prometheus gets its counts."""
    salons = 2 * MOST_IN_FLIGHT
    async with served(database) as house:
        locker = await asyncpg.connect(database)
        try:
            await locker.execute("begin; lock table notification_jobs in access exclusive mode")
            statuses: list[int] = []

            async def ask(salon: int) -> None:
                async with house.http.get(f"/stats?salon_id={salon}") as answer:
                    statuses.append(answer.status)

            async with anyio.create_task_group() as herd:
                for salon in range(salons):
                    herd.start_soon(ask, salon)
                asked = house.vitals.cache_requests_total
                waiting: Awaitable[bool] = until(lambda: len(statuses) + asked["stats", "miss"] >= salons)
                await waiting
                await locker.execute("rollback")
                async with house.http.get("/metrics") as answer:
                    assert "notifyd_database_up 1.0" in await answer.text()
        finally:
            await locker.close()
        assert [200] * salons == statuses


async def test_the_weight_is_that_of_what_is_kept(database: str) -> None:
    """What answers take of memory is about what the gauge says of them, however long their series are."""
    week_ago = quote((datetime.now(UTC) - timedelta(days=6)).isoformat())  # noqa: TID251
    async with served(database) as house:

        async def ask(salons: range) -> tuple[int, int]:
            for salon in salons:
                assert 200 == (await get(house, f"/stats?salon_id={salon}&since={week_ago}"))[0]
            gc.collect()
            return tracemalloc.get_traced_memory()[0], house.vitals.cache_bytes

        tracemalloc.start()
        try:
            before, first = await ask(range(10))
            after, all_of_them = await ask(range(10, 30))
        finally:
            tracemalloc.stop()
    assert after - before <= 1.5 * (all_of_them - first)  # a request leaves more behind than its answer


async def test_a_bad_salon_is_refused(database: str) -> None:
    """What no salon's id can be never reaches the database, and is not repeated to whoever reads the answer."""
    async with served(database) as house:
        for query in ("=%00", "=a%00b", f"={'x' * 1001}", "=", "=a&salon_id=b"):
            status, body = await get(house, f"/stats?salon_id{query}")
            assert 400 == status
            assert body["error"].startswith("salon_id ")
            assert "give it once" in body["cure"]


async def test_a_misspelt_parameter_is_refused(database: str) -> None:
    """It would have shown everybody's figures as one salon's."""
    async with served(database) as house:
        for path in ("/stats?salonid=s", "/stats/stream?since=2026-01-01T00:00:00Z"):
            status, body = await get(house, path)
            assert (400, "a parameter is not known here") == (status, body["error"])
            assert "salon_id" in body["cure"]


async def test_odd_salons_are_only_unknown(database: str) -> None:
    """Bytes that are no text, and text that is unusual, are at most a salon that nobody has."""
    async with served(database) as house:
        for salon in ("%ff", "%ed%b2%80", "%F0%9F%92%87", "%0d%0a'"):
            assert (salon, True) == (salon, (await get(house, f"/stats?salon_id={salon}"))[0] in {200, 400})


async def test_readiness_over_http(database: str) -> None:
    """Ready with one channel paused and named; not ready, and why, once the daemon drains."""
    async with served(database) as house:
        house.vitals.pauses["sms"] = "429"
        assert (200, {"ready": True, "reasons": [], "paused": {"sms": "429"}}) == await get(house, "/readyz")
        house.vitals.draining = True
        status, body = await get(house, "/readyz")
    assert (503, False, 1) == (status, body["ready"], len(body["reasons"]))


@pytest.mark.parametrize("silent", [False, True])
async def test_without_a_database(restartable: Cluster, silent: bool) -> None:
    """A database that is gone, or accepts and never answers, is told within two seconds; vitals are still served."""
    async with served(await Databases(restartable).create()) as house:
        house.vitals.claimed_total = 7
        assert 200 == (await get(house, "/readyz"))[0]
        _lose(restartable, silent)
        try:
            for path in ("/stats", "/readyz"):
                start = anyio.current_time()
                status, body = await get(house, path)
                assert anyio.current_time() - start < 2.2
                assert 503 == status
                assert "the database does not answer: " in json.dumps(body)
            async with house.http.get("/metrics") as answer:
                text = await answer.text()
            assert 200 == answer.status
            assert "notifyd_database_up 0.0" in text
            assert "notifyd_claimed_total 7.0" in text
            assert "notifyd_jobs{" not in text
        finally:
            _find_again(restartable, silent)
        recovered: Awaitable[bool] = until(lambda: _answers(house))
        assert await recovered


def _lose(cluster: Cluster, silent: bool) -> None:
    if silent:
        for pid in _family(cluster):
            os.kill(pid, signal.SIGSTOP)
    else:
        cluster.kill()


def _find_again(cluster: Cluster, silent: bool) -> None:
    if silent:
        for pid in _family(cluster):
            os.kill(pid, signal.SIGCONT)
    else:
        cluster.start()


def _family(cluster: Cluster) -> list[int]:
    assert cluster.pid is not None
    children = Path(f"/proc/{cluster.pid}/task/{cluster.pid}/children").read_text().split()
    return [cluster.pid, *map(int, children)]


async def _answers(house: House) -> bool:
    return (await get(house, "/stats"))[0] == 200


async def test_metrics_over_http(database: str) -> None:
    """Prometheus gets its own content type, and every job counted."""
    async with served(database) as house, house.http.get("/metrics") as answer:
        text = await answer.text()
    assert (200, True) == (answer.status, answer.headers["Content-Type"].startswith("text/plain; version="))
    assert 'notifyd_jobs{status="pending"} 0.0' in text
    assert "notifyd_database_up 1.0" in text


async def test_without_our_tables(database: str, connection: asyncpg.Connection) -> None:
    """Where something is missing the counts say what to do, and monitoring keeps the process' own figures."""
    async with served(database) as house:
        await connection.execute("drop table notifyd.rollups cascade")
        status, body = await get(house, "/stats")
        assert (503, "there is nothing to count from") == (status, body["error"])
        assert "notifyd migrate" in body["cure"]
        async with house.http.get("/metrics") as answer:
            text = await answer.text()
        assert (200, True) == (answer.status, "notifyd_database_up 1.0" in text)
        assert "notifyd_jobs{" not in text


async def test_a_token_is_asked_for(database: str) -> None:
    """Where a token is set everything but the health check asks for it, and says how to send it."""
    right = {"Authorization": "Bearer s3cret-tökén"}
    async with served(database, token="s3cret-tökén") as house:
        for path in PATHS:
            async with house.http.get(path, headers=right) as answer:
                assert (path, 200) == (path, answer.status)
            async with house.http.get(path) as answer:
                assert (path, 200 if path == "/healthz" else 401) == (path, answer.status)
                if answer.status == 401:
                    assert {"error", "cure"} == set(await answer.json())
                    assert 'Bearer realm="notifyd"' == answer.headers["WWW-Authenticate"]


async def test_a_wrong_token_is_refused(database: str) -> None:
    """Neither another scheme, nor a part, nor bytes that are no ASCII open the door, or break it."""
    wrong = ["", "Bearer", "Bearer ", "Bearer wrong", "Basic s3cret", "s3cret", "Bearer s3cret2", "Bearer \xff\xfe"]
    async with served(database, token="s3cret") as house:
        for header in wrong:
            assert (header, 401) == (header, (await get(house, "/stats", Authorization=header))[0])


async def test_every_answer_is_guarded(database: str) -> None:
    """No answer is cached by strangers, framed, sniffed, or names the library behind it; not even a refusal."""
    async with served(database) as house:
        for path in (*PATHS, "/nothing"):
            async with house.http.get(path) as answer:
                assert (path, 404 if path == "/nothing" else 200) == (path, answer.status)
                keeps = "private, max-age=1, stale-while-revalidate=1" if path == "/stats" else "no-store"
                assert (path, keeps) == (path, answer.headers["Cache-Control"])
                assert "nosniff" == answer.headers["X-Content-Type-Options"]
                assert "DENY" == answer.headers["X-Frame-Options"]
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert "notifyd" == answer.headers["Server"]


async def test_nothing_can_be_written(database: str) -> None:
    """Methods that are not GET or HEAD are refused, naming those two."""
    async with served(database) as house:
        for path in PATHS:
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                async with house.http.request(method, path, data=b"x" * 100_000) as answer:
                    assert (405, {"GET", "HEAD"}) == (answer.status, set(answer.headers["Allow"].split(",")))
                    assert {"error", "cure"} == set(await answer.json())


async def test_head_is_get_without_the_body(database: str) -> None:
    """A monitor may ask with HEAD."""
    async with served(database) as house:
        for path in PATHS:
            async with house.http.head(path) as answer:
                assert (path, 200, b"") == (path, answer.status, await answer.read())


async def test_an_unknown_address(database: str) -> None:
    """What is not there is told in JSON, and does not repeat the address."""
    async with served(database) as house:
        for path in ("/nothing", "/stats/", "/page/index.html", "/%2e%2e/server.py"):
            status, body = await get(house, path)
            assert (404, "there is nothing at this address") == (status, body["error"])


async def test_the_description_names_every_address(database: str) -> None:
    """/openapi.json describes what is served, receipts included, and nothing else but for the page's own files."""
    async with served(database) as house:
        described = (await get(house, "/openapi.json"))[1]["paths"]
    assert {*PATHS, "/dashboards/{name}", "/receipts/twilio", "/stats/stream"} - {
        "/page.css",
        "/page.js",
        "/live.js",
    } == set(described)


async def test_a_herd_is_told_to_come_back(database: str) -> None:
    """More requests at once than the limit are refused at once; who asks for something else is still answered."""
    async with served(database) as house:
        locker = await asyncpg.connect(database)
        try:
            await locker.execute("begin; lock table notification_jobs in access exclusive mode")
            async with anyio.create_task_group() as herd:
                statuses: list[int] = []

                async def ask() -> None:
                    async with house.http.get("/metrics") as answer:
                        statuses.append(answer.status)
                        assert answer.status == 200 or answer.headers["Retry-After"] == "1"

                for _ in range(MOST_IN_FLIGHT + 3):
                    herd.start_soon(ask)
                full: Awaitable[bool] = until(lambda: [503] * 3 == statuses, 1.5)
                assert await full
                for path in ("/healthz", "/readyz", "/openapi.json"):
                    assert (path, 200) == (path, (await get(house, path))[0])
                await locker.execute("rollback")
        finally:
            await locker.close()
        assert [503] * 3 + [200] * MOST_IN_FLIGHT == statuses
        async with house.http.get("/metrics") as answer:
            assert 200 == answer.status


async def test_a_stop_is_quick(database: str) -> None:
    """A request that waits for a locked table does not hold a stop up."""
    locker = await asyncpg.connect(database)
    try:
        await locker.execute("begin; lock table notification_jobs in access exclusive mode")
        async with served(database) as house:
            answer = asyncio.ensure_future(get(house, "/stats"))
            assert await until(lambda: locker.fetchval("select count(*) from pg_locks where not granted"))
            start = anyio.current_time()
        assert anyio.current_time() - start < 3.5  # 2, and room for a busy machine
        await asyncio.gather(answer, return_exceptions=True)
    finally:
        await locker.close()


GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA" + b"a" * 20_000 + b": b\r\n\r\n",
)


async def test_garbage_is_refused_without_a_traceback(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not HTTP gets a 400 or a closed door; the journal stays short and the daemon up."""
    log.setup("info", "journal")
    async with served(database) as house:
        for sent in GARBAGE:
            async with await anyio.connect_tcp("127.0.0.1", house.port) as stream:
                await stream.send(sent)
                with anyio.fail_after(2):
                    assert (await stream.receive()).startswith(b"HTTP/1.")
        assert 200 == (await get(house, "/healthz"))[0]
    assert "Traceback" not in capsys.readouterr().out
