"""Dashboards over HTTP: the real definition of `salon` over a booking system's tables, and many viewers."""

import resource
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import anyio
import asyncpg
import pytest

from notifyd import log
from notifyd.demo.postgres import Cluster
from notifyd.store.listen import CHANGES, Ears, listen
from notifyd.web.cache import OURS
from notifyd.web.dashboards import is_ours
from support.databases import Databases
from support.waiting import until
from web.serving import SHIPPED, House, served

EXECUTED = "executed"

TABLES = f"""
create function executed() returns boolean language plpgsql as $$
begin perform pg_notify('{EXECUTED}', ''); return true; end $$;
create table salon_rows (id text primary key, timezone text);
create view salons as select id, timezone from salon_rows where executed();
create table payments (salon_id text, location_id text, status text, total_amount numeric, refund_amount numeric,
    created_at timestamptz);
create table appointments (salon_id text, location_id text, status text, start_time timestamptz);
create table clients (salon_id text, is_active boolean, tags text[], created_at timestamptz);
create table reviews (salon_id text, is_approved boolean, rating integer);
insert into salon_rows values ('salon-1', 'Europe/Berlin'), ('salon-2', null);
insert into payments values ('salon-1', 'place-1', 'completed', 100, 10, '2026-03-15T12:00Z'),
    ('salon-1', 'place-2', 'completed', 50, null, '2026-03-16T12:00Z'),
    ('salon-2', 'place-1', 'completed', 7, null, '2026-03-15T12:00Z');
"""
"""A booking system whose salons tell, outside of our own code, that somebody has read them: once a transaction."""

MARCH = "2026-03-20T12:00:00Z"
HTTP_TOKEN, OWNER, STRANGER = "master", "of-the-owner", "of-the-desk"
ROLES = (("owner", OWNER), ("desk", STRANGER))


@dataclass(frozen=True)
class Salons:
    """What a test talks to: the daemon, its booking system, and what was executed there."""

    house: House
    connection: asyncpg.Connection
    heard: list[str]

    async def executed(self) -> int:
        """Return how often the salons were read so far: a mark of our own comes after all that was committed."""
        mark = str(len(self.heard))
        await self.connection.execute("select pg_notify($1, $2)", EXECUTED, mark)
        await until(lambda: mark in self.heard)
        return self.heard.count("")

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Ask, and return status and JSON."""
        async with self.house.http.get(path, headers=headers) as answer:
            return answer.status, await answer.json() if answer.content_type == "application/json" else None

    async def revenue(self, query: str) -> Any:
        """Return this month's revenue."""
        status, body = await self.get(f"/dashboards/salon?{query}")
        assert 200 == status, body
        return body["data"]["revenue"]["current"]


@asynccontextmanager
async def opened(
    dsn: str, *, token: str | None = None, ttl: float = 3_600.0, place: str | None = None
) -> AsyncIterator[Salons]:
    """Serve the dashboards over a booking system of one's own, listening as the daemon does.

    Args:
        dsn: Its database.
        token: The http_token.
        ttl: Of every dashboard.
        place: The location that `salon` shows where none is given.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(TABLES)
        heard: list[str] = []
        await connection.add_listener(EXECUTED, lambda *told: heard.append(str(told[-1])))
        definitions = {name: replace(each, ttl=ttl) for name, each in SHIPPED.items()}
        located = replace(definitions["salon"].parameters["location_id"], default=place)
        parameters = {**definitions["salon"].parameters, "location_id": located}
        definitions["salon"] = replace(definitions["salon"], parameters=parameters)
        async with served(dsn, token, ROLES, definitions) as house, anyio.create_task_group() as tasks:
            states: list[bool] = []
            tasks.start_soon(
                listen, house.store, dsn, Ears(lambda: None, house.cache.forget, lambda: None, states.append)
            )
            await until(lambda: states)
            yield Salons(house, connection, heard)
            tasks.cancel_scope.cancel()
    finally:
        await connection.close()


async def test_an_answer(database: str) -> None:
    """What a dashboard says, when it was so, and how long it may be used: nobody's but this viewer's."""
    async with opened(database) as salons:
        path = f"/dashboards/salon?salon_id=salon-1&location_id=&now={MARCH}"
        async with salons.house.http.get(path) as answer:
            body = await answer.json()
        assert (200, {"success", "data", "as_of"}, True) == (answer.status, set(body), body["success"])
        assert (140, "Europe/Berlin") == (body["data"]["revenue"]["current"], body["data"]["timezone"])
        assert "private, max-age=1, stale-while-revalidate=1" == answer.headers["Cache-Control"]
        assert ("0", "Authorization") == (answer.headers["Age"], answer.headers["Vary"])
        assert body["as_of"] == answer.headers["Notifyd-As-Of"]


async def test_what_there_is(database: str) -> None:
    """The names, titles and parameters of all dashboards."""
    async with opened(database) as salons:
        status, body = await salons.get("/dashboards")
        assert (200, True, list(SHIPPED)) == (status, body["success"], [each["name"] for each in body["data"]])
        (salon,) = (each for each in body["data"] if each["name"] == "salon")
        required = {"name": "salon_id", "kind": "id", "required": True}
        optional = {"name": "location_id", "kind": "id", "required": False}
        assert {"name": "salon", "title": SHIPPED["salon"].title, "parameters": [required, optional]} == salon


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("nothing?salon_id=salon-1", 404, "there is no dashboard of this name"),
        ("salon?salon_id=salon-9", 404, "there is nothing to show: no such salon"),
        ("salon", 400, "salon_id is missing"),
        ("salon?salon_id=", 400, "salon_id is missing"),
        ("salon?salon_id=a&salon_id=b", 400, "a parameter is given more than once"),
        ("salon?salon_id=salon-1&location_id=&location_id=b", 400, "a parameter is given more than once"),
        ("salon?salon_id=salon-1&salon=x", 400, "a parameter is none of this dashboard's"),
        ("salon?salon_id=%00", 400, "salon_id holds what no text in PostgreSQL can hold"),
        ("salon?salon_id=" + "x" * 201, 400, "salon_id is longer than 200 characters"),
        ("salon?salon_id=salon-1&now=soon", 400, "now is no moment"),
        ("salon?salon_id=salon-1&now=2026-03-20T12:00:00+01:00", 400, "now is no moment"),
        ("salon?salon_id=salon-1&now=9999-12-31T23:59:59-14:00", 400, "now is no moment"),
    ],
)
async def test_what_cannot_be_answered(database: str, path: str, status: int, error: str) -> None:
    """Each refusal has its status, what is wrong, and a cure; and nothing of what the viewer sent."""
    async with opened(database) as salons:
        answered, body = await salons.get(f"/dashboards/{path}")
        assert (status, {"success": False, "error": error}) == (
            answered,
            {key: body[key] for key in ("success", "error")},
        )
        assert body["cure"]


async def test_a_dashboard_that_the_database_cannot_answer(database: str) -> None:
    """A table that is not there is told as the operator's trouble; the other dashboards go on."""
    async with opened(database) as salons:
        status, body = await salons.get("/dashboards/contacts?user_id=user-1")
        assert (503, False) == (status, body["success"])
        assert "dashboard contacts: " in body["error"]
        assert 140 == await salons.revenue(f"salon_id=salon-1&now={MARCH}")


async def test_who_is_told_why(database: str) -> None:
    """A role hears of no table and no column, who opens all does; neither is asked to come back for it."""
    async with opened(database, token=HTTP_TOKEN) as salons:
        await salons.connection.execute("alter table reviews rename rating to stars")
        for token, named in ((OWNER, False), (HTTP_TOKEN, True), (OWNER, False)):
            headers = {"Authorization": f"Bearer {token}"}
            async with salons.house.http.get("/dashboards/salon?salon_id=salon-1", headers=headers) as answer:
                body = await answer.json()
            assert (503, False) == (answer.status, "Retry-After" in answer.headers)
            assert (named, not named) == ("rating" in body["error"], "cannot be shown" in body["error"])
            assert named == ("tables" in body["cure"])


async def test_each_that_cannot_be_shown_is_logged(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several that fail at once are all named in the log, each once."""
    several = {name: replace(SHIPPED["contacts"], name=name) for name in ("one", "two")}
    told: list[tuple[str, object]] = []
    monkeypatch.setattr(log, "listeners", [lambda _, event, fields: told.append((event, fields.get("dashboard")))])
    async with served(database, dashboards=several) as house:
        for number, name in enumerate(("one", "two", "one")):
            async with house.http.get(f"/dashboards/{name}?user_id=user-{number}") as answer:
                assert 503 == answer.status
    assert ["one", "two"] == [dashboard for event, dashboard in told if event == "dashboard.unusable"]


async def test_a_lost_database(restartable: Cluster) -> None:
    """Without a database new answers are refused, with the reason and when to come back; kept ones are still shown."""
    async with opened(await Databases(restartable).create()) as salons:
        assert 140 == await salons.revenue(f"salon_id=salon-1&now={MARCH}")
        restartable.kill()
        async with salons.house.http.get("/dashboards/salon?salon_id=salon-2") as answer:
            body = await answer.json()
            assert (503, "2", False) == (answer.status, answer.headers["Retry-After"], body["success"])
        assert "the database does not answer: " in body["error"]
        assert 140 == await salons.revenue(f"salon_id=salon-1&now={MARCH}")


async def test_each_salon_and_place_has_its_own(database: str) -> None:
    """However alike two questions are, and in whatever order they come, each has the answer to its own."""
    async with opened(database) as salons:
        for _ in range(2):
            for query, revenue in (
                ("salon_id=salon-1", 140),
                ("salon_id=salon-2", 7),
                ("salon_id=salon-1&location_id=place-1", 90),
                ("location_id=place-2&salon_id=salon-1", 50),
                ("salon_id=salon-1&location_id=salon-2", 0),
                ("salon_id=salon-2&location_id=place-1", 7),
            ):
                assert (query, revenue) == (query, await salons.revenue(f"{query}&now={MARCH}"))
        assert 6 == await salons.executed()
        assert 0 == await salons.revenue("salon_id=salon-1&now=2026-05-20T12:00:00Z")


async def test_a_change_that_is_notified(database: str) -> None:
    """One line of SQL, from any language, and the next viewer has the new number; other salons' answers stay."""
    async with opened(database) as salons:
        first, second = (f"salon_id={salon}&now={MARCH}" for salon in ("salon-1", "salon-2"))
        assert [140, 7] == [await salons.revenue(first), await salons.revenue(second)]
        for salon in ("salon-1", "salon-2"):
            await salons.connection.execute("update payments set refund_amount = 0 where salon_id = $1", salon)
            await salons.connection.execute("update payments set total_amount = 8 where salon_id = $1", salon)
        assert [140, 7] == [await salons.revenue(first), await salons.revenue(second)]
        await salons.connection.execute(f"notify {CHANGES}, 'salon-1'")

        async def renewed(query: str, revenue: int) -> bool:
            return bool(revenue == await salons.revenue(query))

        await until(lambda: renewed(first, 16))
        assert [7, 3] == [await salons.revenue(second), await salons.executed()]
        await salons.connection.execute(f"notify {CHANGES}")
        await until(lambda: renewed(second, 8))


async def test_a_change_of_what_was_not_given(database: str) -> None:
    """What stands in for a parameter that is not given is what the answer depends on, and is one key with it."""
    async with opened(database, place="place-1") as salons:
        assert 90 == await salons.revenue(f"salon_id=salon-1&now={MARCH}")
        assert 90 == await salons.revenue(f"salon_id=salon-1&now={MARCH}&location_id=place-1")
        assert 1 == await salons.executed()
        await salons.connection.execute("update payments set refund_amount = 0")
        await salons.connection.execute(f"notify {CHANGES}, 'place-1'")

        async def renewed() -> bool:
            return bool(100 == await salons.revenue(f"salon_id=salon-1&now={MARCH}"))

        await until(renewed)


async def test_unchanged(database: str) -> None:
    """A viewer who has what would be said again gets 304 and when it was so, also where it was counted anew."""
    async with opened(database) as salons:
        path = f"/dashboards/salon?salon_id=salon-1&now={MARCH}"
        async with salons.house.http.get(path) as answer:
            etag, as_of = answer.headers["ETag"], answer.headers["Notifyd-As-Of"]

        async def again(tag: str) -> tuple[int, bytes, Mapping[str, str]]:
            async with salons.house.http.get(path, headers={"If-None-Match": tag}) as answer:
                return answer.status, await answer.read(), answer.headers

        for tag in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
            status, body, headers = await again(tag)
            assert (tag, 304, b"") == (tag, status, body)
            assert (etag, as_of) == (headers["ETag"], headers["Notifyd-As-Of"])
            assert "private, max-age=1, stale-while-revalidate=1" == headers["Cache-Control"]
            assert "nosniff" == headers["X-Content-Type-Options"]
        assert 200 == (await again('"other"'))[0]

        async def counted_anew() -> bool:
            status, _, headers = await again(etag)
            assert 304 == status
            return headers["Notifyd-As-Of"] > as_of

        async def changed() -> bool:
            return 200 == (await again(etag))[0]

        await salons.connection.execute(f"notify {CHANGES}, 'salon-1'")
        await until(counted_anew)
        await salons.connection.execute("update payments set refund_amount = 0")
        await salons.connection.execute(f"notify {CHANGES}, 'salon-1'")
        await until(changed)


VIEWERS = 1_000


async def test_a_thousand_viewers_after_a_cold_start(database: str) -> None:
    """All are answered, with the same, from one execution; and what they have is not sent again."""
    async with opened(database) as salons:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * VIEWERS)), hard))
        url = f"http://127.0.0.1:{salons.house.port}/dashboards/salon?salon_id=salon-1"
        seen: Counter[tuple[int, bytes]] = Counter()
        tags: set[str] = set()

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as herd:

            async def view(headers: dict[str, str]) -> None:
                async with herd.get(url, headers=headers) as answer:
                    seen[answer.status, await answer.read()] += 1
                    tags.add(answer.headers["ETag"])

            async def come(headers: dict[str, str]) -> None:
                async with anyio.create_task_group() as viewers:
                    for _ in range(VIEWERS):
                        viewers.start_soon(view, headers)

            await come({})
            assert ([200], [VIEWERS], 1) == ([status for status, _ in seen], list(seen.values()), len(tags))
            await come({"If-None-Match": tags.pop()})
        assert VIEWERS == seen[304, b""]
        assert 1 == await salons.executed()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_roles(database: str) -> None:
    """A role's token opens the dashboards that name the role, and nothing else; the other one opens all."""
    async with opened(database, token=HTTP_TOKEN) as salons:

        async def status(path: str, token: str | None) -> int:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            return (await salons.get(path, **headers))[0]

        salon = "/dashboards/salon?salon_id=salon-1"
        asked = {salon: (401, 403, 200, 200), "/dashboards": (401, 200, 200, 200)}
        closed = (
            "/stats",
            "/metrics",
            "/readyz",
            "/jobs",
            "/",
            "/openapi.json",
            "/dashboardsx",
            "/dashboards/../stats",
        )
        for path, wanted in asked.items():
            tokens = (None, STRANGER, OWNER, HTTP_TOKEN)
            assert (path, wanted) == (path, tuple([await status(path, token) for token in tokens]))
        for path in closed:
            assert (path, 403) == (path, await status(path, OWNER))
        body = (await salons.get("/dashboards", Authorization=f"Bearer {STRANGER}"))[1]
        assert [] == body["data"]


async def test_who_may_choose_the_moment(database: str) -> None:
    """`now` is for this machine and for the token that opens all; what a proxy passes on is not of this machine."""
    async with opened(database, token=HTTP_TOKEN) as salons:
        path = f"/dashboards/salon?salon_id=salon-1&now={MARCH}"
        passed_on = {"X-Forwarded-For": "192.0.2.7"}
        for token, headers, wanted in (
            (OWNER, {}, 200),
            (OWNER, passed_on, 403),
            (OWNER, {"Forwarded": "for=192.0.2.7"}, 403),
            (HTTP_TOKEN, passed_on, 200),
        ):
            status, body = await salons.get(path, Authorization=f"Bearer {token}", **headers)
            assert (token, headers, wanted) == (token, headers, status)
            assert (wanted == 200) == body["success"]


async def test_who_may_choose_the_moment_where_no_token_is_set(database: str) -> None:
    """Whoever is at this machine, and nobody from elsewhere: each moment is a query more."""
    async with opened(database) as salons:
        path = f"/dashboards/salon?salon_id=salon-1&now={MARCH}"
        assert 200 == (await salons.get(path))[0]
        assert 403 == (await salons.get(path, Forwarded="for=192.0.2.7"))[0]


async def test_our_own_counts(database: str) -> None:
    """Dashboards that show what notifyd did are taken out of date with its counts, and only these."""
    async with opened(database) as salons:
        vitals = salons.house.vitals
        await salons.revenue("salon_id=salon-1")
        salons.house.cache.forget(OURS)
        await salons.revenue("salon_id=salon-1")
        assert 1 == vitals.cache_loads_total["dashboards/salon", "made"]
        assert {"notifications"} == {name for name, each in SHIPPED.items() if is_ours(each)}


async def test_a_slow_replica_is_its_own_viewers_trouble(database: str) -> None:
    """While a herd waits for dashboards, the counts are served, and Prometheus is told that the database is there."""
    async with opened(database) as salons, anyio.create_task_group() as herd:
        await salons.connection.execute("begin; lock table salon_rows in access exclusive mode")
        for number in range(40):
            herd.start_soon(salons.get, f"/dashboards/salon?salon_id=salon-{number}")
        asked = salons.house.vitals.cache_requests_total
        await until(lambda: asked["dashboards/salon", "miss"] >= 32)
        assert 200 == (await salons.get("/stats?salon_id=salon-1"))[0]
        async with salons.house.http.get("/metrics") as answer:
            text = await answer.text()
        assert "notifyd_database_up 1.0" in text
        assert 'notifyd_jobs{status="pending"} 0.0' in text
        await salons.connection.execute("rollback")
