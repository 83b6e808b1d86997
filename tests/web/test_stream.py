"""`/stats/stream` over real sockets: what viewers are told, how many there may be, and what becomes of slow ones."""

import contextlib
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import anyio
import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from notifyd.demo.postgres import Cluster
from notifyd.store.pool import open_store
from notifyd.vitals import Vitals
from notifyd.web import live, stream
from notifyd.web.callers import Callers
from notifyd.web.guard import Guard
from notifyd.web.live import POLL
from notifyd.web.server import HttpConfig, serve
from notifyd.web.stream import GLANCE, PATH
from support.databases import Databases
from support.jobs import insert_job
from support.waiting import until
from web.serving import BLOCKED, served

Event = dict[str, str]

COMMENT: Event = {"": ""}

SLOW_SALONS = """
create or replace function notifyd.job_key(job_id text) returns uuid stable parallel safe language plpgsql as
    'begin perform pg_advisory_xact_lock_shared(9); return null; end'
"""
"""Only the statement for salons calls it; it waits for as long as somebody holds the lock."""


async def read(answer: aiohttp.ClientResponse, within: float = 10) -> Event:
    """Return the next event, a comment too; its name is `event`, `message` if it has none."""
    fields: Event = {}
    with anyio.fail_after(within):
        async for line in answer.content:
            text = line.decode().rstrip("\n")
            if not text:
                return fields
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
    raise EOFError


async def told(answer: aiohttp.ClientResponse, name: str = "stats", within: float = 10) -> dict[str, Any]:
    """Return the data of the next event of that name."""
    while (event := await read(answer, within)).get("event") != name:
        pass
    return {**json.loads(event["data"]), "id": event.get("id")}


@asynccontextmanager
async def streaming(
    dsn: str, *, breath: float = live.BREATH, heartbeat: float = stream.HEARTBEAT, patience: float = stream.PATIENCE
) -> AsyncIterator[tuple[aiohttp.ClientSession, Vitals]]:
    """Serve the stream alone, with other times than usual."""
    vitals = Vitals(started_at=anyio.current_time())
    async with (
        open_store(dsn, "notification_jobs", connections=2, pinned=False) as store,
        anyio.create_task_group() as house,
    ):
        vitals.pools = {"stats": store.watch.vitals}
        watched = live.Live(store, vitals, breath)
        house.start_soon(watched.run)
        port = await house.start(serve, HttpConfig(port=0), stream.Stream(watched, vitals, heartbeat, patience).table())
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            yield http, vitals
        house.cancel_scope.cancel()


async def book(dsn: str, **columns: Any) -> None:
    """Insert a job, as a booking system that notifyd knows nothing of."""
    connection = await asyncpg.connect(dsn)
    try:
        await insert_job(connection, **columns)
    finally:
        await connection.close()


async def fill(dsn: str, jobs: int, *, salons: int) -> None:
    """Insert many jobs, as many of each salon."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "insert into notification_jobs (salon_id, client_id, type, payload) "
            "select 'salon-' || n % $2, 'client', 'reminder_2h', '{}' from generate_series(1, $1::int) n",
            jobs,
            salons,
        )
    finally:
        await connection.close()


async def hear_of(answer: aiohttp.ClientResponse, pending: int) -> None:
    """Read until so many jobs wait: meanwhile it is told how long they have waited."""
    with anyio.fail_after(10):
        while (await told(answer))["jobs"]["pending"] != pending:
            pass


def looks(vitals: Vitals) -> Counter[str]:
    """Return how often the counts were read, by statement."""
    statements = vitals.pools["stats"].statements
    names = {name: name.partition(".")[2] for name in statements if name.startswith("stats.COUNT_")}
    return Counter({short: statements[name].count for name, short in names.items()})


async def test_what_a_viewer_is_told(database: str) -> None:
    """First how soon to come back, then the document of /stats, then each change, whoever made it."""
    async with served(database) as house, house.http.get(PATH) as answer:
        assert "text/event-stream; charset=utf-8" == answer.headers["Content-Type"]
        assert "no-store" == answer.headers["Cache-Control"]
        assert "nosniff" == answer.headers["X-Content-Type-Options"]
        assert 1_000 <= int((await read(answer))["retry"]) < 3_000
        first = await told(answer)
        async with house.http.get("/stats") as plain:
            assert set(await plain.json()) | {"id"} == set(first)
        await book(database)
        changed = await told(answer, within=POLL + 1)
        assert (0, 1) == (first["jobs"]["pending"], changed["jobs"]["pending"])
        assert first["id"] != changed["id"]


async def test_our_own_work_is_told_at_once(database: str) -> None:
    """What this daemon did is told after a breath, not at the next poll; much at once is told once."""
    async with served(database) as house, house.http.get(PATH) as answer:
        await told(answer)
        for _ in range(20):
            await book(database)
        start = anyio.current_time()
        house.vitals.claimed_total += 20
        assert 20 == (await told(answer))["jobs"]["pending"]
        assert anyio.current_time() - start < POLL / 2


async def test_one_salon(database: str) -> None:
    """A salon's viewer is told of its own jobs alone."""
    await book(database, salon_id="mine")
    await book(database, salon_id="other")
    async with served(database) as house, house.http.get(f"{PATH}?salon_id=mine") as answer:
        assert 1 == (await told(answer))["jobs"]["pending"]


async def test_alive_is_said_of_a_look_alone(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That nothing has changed is said, with its moment, after a look has shown it; before, only a comment comes."""
    monkeypatch.setattr(live, "POLL", 60.0)
    async with streaming(database, heartbeat=0.2) as (http, vitals), http.get(PATH) as answer:
        moments = [(await told(answer))["as_of"]]
        for _ in range(2):
            assert [COMMENT] * 2 == [await read(answer) for _ in range(2)]
            vitals.claimed_total += 1  # so that there is a look
            moments.append((await told(answer, "alive"))["as_of"])
        async with http.get(PATH) as newcomer:
            moments.append((await told(newcomer))["as_of"])
    assert moments[:3] == sorted(set(moments))
    assert moments[2] == moments[3]  # he is told what is known, as of the latest look


async def test_whoever_comes_back_is_not_told_again(database: str) -> None:
    """Figures that a browser has heard already are not sent once more, by whichever daemon; changed ones are."""
    async with served(database) as house, house.http.get(PATH) as answer:
        heard = (await told(answer))["id"]
    async with served(database) as house:
        async with house.http.get(PATH, headers={"Last-Event-ID": heard}) as answer:
            await read(answer)
            assert "alive" == (await read(answer))["event"]
        async with house.http.get(PATH, headers={"Last-Event-ID": "other"}) as answer:
            await read(answer)
            assert "stats" == (await read(answer))["event"]


async def test_many_viewers_are_one_reader(database: str) -> None:
    """Fifty who watch cost as many looks as one does; when they have gone nobody looks any more."""
    async with served(database) as house:
        answers = [await house.http.get(PATH) for _ in range(50)]
        for answer in answers:
            await told(answer)
        assert 50 == house.vitals.streams
        before = looks(house.vitals)
        await book(database)
        house.vitals.claimed_total += 1
        for answer in answers:
            assert 1 == (await told(answer))["jobs"]["pending"]
            answer.close()
        assert 1 <= (looks(house.vitals) - before).total() <= 3
        assert await until(lambda: house.vitals.streams == 0)
        before = looks(house.vitals)
        house.vitals.claimed_total += 1
        async with house.http.get(PATH) as answer:
            await told(answer)
        assert {"COUNT_ALL": 1} == looks(house.vitals) - before


async def test_many_salons_are_one_statement(database: str) -> None:
    """Twenty salons with thousands of jobs cost a look one statement, and all jobs together another."""
    async with served(database) as house, contextlib.AsyncExitStack() as stack:
        await fill(database, 4_000, salons=40)
        paths = [PATH, *(f"{PATH}?salon_id=salon-{number}" for number in range(20))]
        answers = [await stack.enter_async_context(house.http.get(path)) for path in paths]
        for answer, figure in zip(answers, [4_000, *[100] * 20], strict=True):
            await hear_of(answer, figure)
        before = looks(house.vitals)
        await fill(database, 40, salons=40)
        house.vitals.claimed_total += 1
        for answer, figure in zip(answers, [4_040, *[101] * 20], strict=True):
            await hear_of(answer, figure)
        after = looks(house.vitals) - before
        assert {"COUNT_ALL", "COUNT_SALONS"} == after.keys()
        assert after.total() <= 6


async def test_a_rest_is_as_long_as_the_look_was(database: str, connection: asyncpg.Connection) -> None:
    """After a look that took long nobody looks for several times as long, whatever is done meanwhile."""
    onlooker = await asyncpg.connect(database)

    async def looking() -> bool:
        return bool(await onlooker.fetchval(BLOCKED))

    async with streaming(database) as (http, vitals), http.get(PATH) as answer:
        await told(answer)
        async with connection.transaction():
            await connection.execute("lock table notification_jobs")
            vitals.claimed_total += 1
            await until(looking)
            await connection.execute("select pg_sleep(0.5)")
        assert await until(lambda: looks(vitals)["COUNT_ALL"] == 2)
        start = anyio.current_time()
        await insert_job(connection)
        vitals.claimed_total += 1
        await hear_of(answer, 1)
        assert anyio.current_time() - start > 1
    await onlooker.close()


async def test_no_rest_is_endless(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures grow no older than a rest may be at the most, whatever a look took."""
    monkeypatch.setattr(live, "REST", 1_000_000)
    monkeypatch.setattr(live, "LONGEST_REST", 0.2)
    async with streaming(database) as (http, vitals), http.get(PATH) as answer:
        await told(answer)
        await book(database)
        vitals.claimed_total += 1
        await hear_of(answer, 1)


async def test_a_newcomer_ends_the_rest(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long is rested after a look, who has no figures yet need not wait; many such cost few looks."""
    monkeypatch.setattr(live, "REST", 1_000_000)
    monkeypatch.setattr(live, "LONGEST_REST", 60.0)
    async with streaming(database, breath=0.6) as (http, vitals), http.get(PATH) as first:
        await told(first)
        vitals.claimed_total += 1
        with anyio.fail_after(5):
            async with http.get(PATH) as another:
                await told(another)  # what is known is told at once
            assert {"COUNT_ALL": 1} == looks(vitals)
            for salon in "ab":
                start = anyio.current_time()
                async with http.get(f"{PATH}?salon_id={salon}") as newcomer:
                    await told(newcomer)
        assert anyio.current_time() - start > 0.2  # the second has not made us hurry
        assert {"COUNT_ALL": 3, "COUNT_SALONS": 2} == looks(vitals)


async def test_there_are_so_many_places(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit a viewer is told to poll; a place that falls free is given again."""
    monkeypatch.setattr(stream, "MOST_STREAMS", 3)
    async with served(database, token="s3cret") as house:
        house.http.headers.update({"Authorization": "Bearer s3cret"})
        seated = [await house.http.get(PATH) for _ in range(3)]
        assert [200] * 3 == [answer.status for answer in seated]
        async with house.http.get(PATH) as answer:
            assert (503, "60") == (answer.status, answer.headers["Retry-After"])
            assert {"error", "cure"} == set(await answer.json())
        assert 1 == house.vitals.streams_turned_away_total
        seated.pop().close()
        assert await until(lambda: house.vitals.streams == 2)
        async with house.http.get(PATH) as answer:
            assert 200 == answer.status
        for answer in seated:
            answer.close()


async def test_so_many_salons_are_watched(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further salon finds no place; one that is watched already takes more viewers."""
    monkeypatch.setattr(live, "MOST_SALONS", 1)
    async with served(database) as house, house.http.get(f"{PATH}?salon_id=a"):
        async with house.http.get(f"{PATH}?salon_id=b") as answer:
            assert 503 == answer.status
        async with house.http.get(f"{PATH}?salon_id=a") as answer:
            assert 200 == answer.status
        assert await until(lambda: house.vitals.streams == 1)


async def test_a_slow_reader_is_dropped(database: str) -> None:
    """Who does not read is let go after a moment; meanwhile nothing piles up for him, and others are told."""
    async with streaming(database, breath=0.001, patience=0.2) as (http, vitals), http.get(PATH) as other:
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            slow.connect(("127.0.0.1", other.url.port))
            slow.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert await until(lambda: vitals.streams == 2)
            connection, sent = await asyncpg.connect(database), 0
            try:
                with anyio.fail_after(20):
                    while not vitals.streams_dropped_total:
                        await insert_job(connection)
                        vitals.claimed_total += 1
                        sent += len(json.dumps(await told(other)))
            finally:
                await connection.close()
            assert (1, 1) == (vitals.streams, vitals.streams_dropped_total)
            assert sent < 60_000  # what two kernels hold; aiohttp alone would take as much again


async def test_a_viewer_who_leaves_frees_his_place(database: str) -> None:
    """A closed tab is noticed although nothing is said to it."""
    async with served(database) as house:
        answer = await house.http.get(PATH)
        await told(answer)
        answer.close()
        assert await until(lambda: house.vitals.streams == 0, GLANCE + 2)


async def test_a_lost_database_is_told(restartable: Cluster) -> None:
    """Viewers keep their connection and are told of the trouble again and again; then of the figures that are back."""
    dsn = await Databases(restartable).create()
    async with served(dsn, heartbeat=0.3) as house, house.http.get(PATH) as answer:
        await told(answer)
        restartable.kill()
        trouble = await told(answer, "trouble")
        assert trouble["error"].startswith("the database does not answer: ")
        assert ["trouble"] * 8 == [(await read(answer)).get("event") for _ in range(8)]
        restartable.start()
        assert 0 == (await told(answer))["jobs"]["pending"]


async def test_trouble_is_of_those_who_have_it(
    database: str, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where salons cannot be counted in time, their viewers are told, and whoever watches all jobs has his figures."""
    monkeypatch.setattr(live, "READ_LIMIT", 1.0)
    await connection.execute(SLOW_SALONS)
    await connection.execute("select pg_advisory_lock(9)")
    async with streaming(database) as (http, vitals), http.get(PATH) as whole:
        await told(whole)
        async with http.get(f"{PATH}?salon_id=salon-1") as one:
            assert "the time limit" in (await told(one, "trouble"))["error"]
        await insert_job(connection)
        vitals.claimed_total += 1
        events = [await read(whole)]
        while events[-1].get("event") != "stats":
            events.append(await read(whole))
        assert "trouble" not in [event.get("event") for event in events]


async def test_no_deadline_and_no_place_in_the_queue(database: str) -> None:
    """A stream outlives the guard's deadline, and needs no place among the requests."""
    vitals = Vitals(started_at=anyio.current_time())
    async with (
        open_store(database, "notification_jobs", connections=1, pinned=False) as store,
        anyio.create_task_group() as house,
    ):
        watched = live.Live(store, vitals)
        house.start_soon(watched.run)
        app = web.Application(middlewares=[Guard(Callers(None), most_in_flight=0, deadline=0.1).check])
        app.add_routes(stream.Stream(watched, vitals, heartbeat=0.3).table())
        async with TestServer(app) as server, aiohttp.request("GET", server.make_url(PATH)) as answer:
            await told(answer)
            await told(answer, "alive")
        house.cancel_scope.cancel()


async def test_a_stop_lets_viewers_go_at_once(database: str) -> None:
    """A stop does not wait for those who watch."""
    async with served(database) as house:
        viewer = await anyio.connect_tcp("127.0.0.1", house.port)
        await viewer.send(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while b"event: stats" not in await viewer.receive():
            pass
        start = anyio.current_time()
    assert anyio.current_time() - start < 0.9
    await viewer.aclose()


async def test_what_is_refused(database: str) -> None:
    """A bad salon is named; a stream asks for the token; HEAD is not answered by an endless body."""
    async with served(database, token="s3cret") as house:
        for headers, path, method, status in (
            ({}, PATH, "GET", 401),
            ({"Authorization": "Bearer s3cret"}, f"{PATH}?salon_id=", "GET", 400),
            ({"Authorization": "Bearer s3cret"}, PATH, "HEAD", 405),
        ):
            async with house.http.request(method, path, headers=headers) as answer:
                assert (path, method, status) == (path, method, answer.status)
        assert 0 == house.vitals.streams
