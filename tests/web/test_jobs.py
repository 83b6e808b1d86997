"""`GET /jobs` over a real socket: pages, filters, what is refused, and what strangers are not told."""

import json
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from notifyd.store.listing import LONGEST_NAME, LONGEST_TEXT, MOST_ROWS, MOST_ROWS_WITH_TEXTS, Place
from notifyd.web import cursor
from notifyd.web.jobs import FIELDS, PERSONAL
from support.jobs import insert_job
from web.serving import House, served

TOKEN = "s3cret"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

HUGE = """
insert into notification_jobs (id, salon_id, client_id, appointment_id, type, payload, error)
select n || long, long, long, long, repeat('🦊', 750000), long, long
from repeat('🦊', 10000) long, generate_series(1, $1) n
"""
"""Rows of which every text is far too long, the type by three megabytes."""


async def ask(house: House, query: str = "", headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Ask for jobs, and return status and JSON."""
    async with house.http.get(f"/jobs{query}", headers=headers) as answer:
        return answer.status, await answer.json()


async def fill(dsn: str, count: int = 1, **columns: Any) -> list[str]:
    """Insert jobs and return their ids."""
    connection = await asyncpg.connect(dsn)
    try:
        return [await insert_job(connection, **columns) for _ in range(count)]
    finally:
        await connection.close()


async def test_pages_over_http(database: str) -> None:
    """`next`, passed on as it is, leads through all jobs and ends in null."""
    made = await fill(database, 5)
    async with served(database) as house:
        seen: list[str] = []
        status, page = await ask(house, "?limit=2")
        while page["next"]:
            seen += [job["id"] for job in page["jobs"]]
            status, page = await ask(house, f"?limit=2&cursor={page['next']}")
            assert 200 == status
        seen += [job["id"] for job in page["jobs"]]
    assert (5, set(made)) == (len(seen), set(seen))


async def test_filters_over_http(database: str) -> None:
    """Filters are those of the list; a status may be repeated, or stand between commas."""
    (held,), (failed,) = await fill(database, status="held"), await fill(database, status="failed", salon_id="other")
    await fill(database, status="completed")
    async with served(database) as house:
        for query, wanted in (
            ("?status=held&status=failed", {held, failed}),
            ("?status=held,failed", {held, failed}),
            ("?salon_id=other", {failed}),
            ("?type=reminder_2h", set()),
            ("?status=held&created_from=2020-01-01T00:00:00%2B02:00&created_to=2100-01-01", {held}),
            ("?status=held&created_to=2020-01-01T00:00:00Z", set()),
        ):
            status, page = await ask(house, query)
            assert (query, 200, wanted) == (query, status, {job["id"] for job in page["jobs"]})


async def test_nothing_personal_without_a_token(database: str) -> None:
    """Where no token is set, client, appointment, error and payload are neither told nor to be filtered by."""
    data = {"data": {"clientPhone": "+14155550123"}}
    await fill(database, client_id="CLIENT", appointment_id="VISIT", error="refused: a@example.com", payload=data)
    async with served(database) as house:
        status, page = await ask(house)
        assert (200, [set(FIELDS)]) == (status, [set(job) for job in page["jobs"]])
        for query in (*(f"?fields=id,{name}" for name in PERSONAL), "?appointment_id=VISIT", "?appointment_id=nobody"):
            status, body = await ask(house, query)
            assert (query, 403) == (query, status)
            assert not [value for value in ("CLIENT", "VISIT", "example", "+1415") if value in json.dumps(body)]


async def test_with_a_token_what_is_asked_for_is_told(database: str) -> None:
    """With the token the personal fields are told when they are named, and never of themselves."""
    await fill(database, client_id="CLIENT", appointment_id="VISIT", error="refused", payload="not JSON")
    async with served(database, token=TOKEN) as house:
        assert 401 == (await ask(house))[0]
        assert [set(FIELDS)] == [set(job) for job in (await ask(house, headers=BEARER))[1]["jobs"]]
        query = "?fields=payload,client_id&fields=error,appointment_id&appointment_id=VISIT"
        status, page = await ask(house, query, BEARER)
    told = {"payload": "not JSON", "client_id": "CLIENT", "error": "refused", "appointment_id": "VISIT"}
    assert (200, [told]) == (status, page["jobs"])


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("?limit=0", "limit is out of its range"),
        ("?limit=201", "limit is out of its range"),
        ("?limit=ten", "limit is out of its range"),
        ("?limit=51&fields=id,payload", "limit is out of its range"),
        ("?limit=51&fields=error", "limit is out of its range"),
        ("?limit=²", "limit is out of its range"),
        ("?limit=1&limit=2", "limit is given more than once"),
        ("?status=finished", "status has a value that is not known"),
        ("?status=", "status has a value that is not known"),
        ("?fields=id,password", "fields has a value that is not known"),
        ("?statu=failed", "a parameter is not known here"),
        ("?salon_id=", "salon_id is empty or longer than 1000 characters"),
        ("?salon_id=%00", "salon_id holds what no text in PostgreSQL can hold"),
        ("?created_from=yesterday", "created_from is no time that a calendar holds"),
        ("?created_to=2026-02-30", "created_to is no time that a calendar holds"),
        ("?cursor=abc", "cursor is none that was given here"),
        ("?cursor=%F0%9F%92%87", "cursor is none that was given here"),
        (f"?cursor={'A' * 500}", "cursor is none that was given here"),
        (f"?cursor={cursor.write(Place('2026-02-30T00:00:00', 1))}", "cursor is none that was given here"),
        (f"?cursor={cursor.write(Place('infinity', 2**63))}", "cursor is none that was given here"),
        (f"?cursor={cursor.write(Place('now', 1))}", "cursor is none that was given here"),
    ],
)
async def test_what_cannot_be_is_refused(database: str, query: str, error: str) -> None:
    """A wrong parameter is named, with a cure, and is no error of ours."""
    async with served(database, token=TOKEN) as house:
        status, body = await ask(house, query, BEARER)
    assert (400, error) == (status, body["error"])
    assert body["cure"]


@pytest.mark.parametrize(
    "place",
    [
        Place("infinity", 2**63 - 1),
        Place("-infinity", -(2**63)),
        Place("4714-11-24T00:00:00 BC", 0),
        Place("4714-11-23T23:16:52.123456-00:43:08 BC", -7),
        Place("294276-12-31T23:59:59.999999+05:30", 7),
    ],
)
def test_a_cursor_carries_its_place_exactly(place: Place) -> None:
    """Any time that PostgreSQL writes comes back as it was, in text that needs no escaping."""
    text = cursor.write(place)
    assert place == cursor.read(text)
    assert len(text) <= cursor.LONGEST
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    ("accepted", "count", "packed"),
    [
        ("gzip, deflate, br", 50, "gzip"),
        ("deflate, gzip;q=0.5", 50, "gzip"),
        ("GZIP", 50, "gzip"),
        ("gzip", 1, None),
        ("deflate, br", 50, None),
        ("gzip;q=0, identity", 50, None),
        ("gzip; q=0.000", 50, None),
    ],
)
async def test_large_answers_are_packed(database: str, accepted: str, count: int, packed: str | None) -> None:
    """From one kilobyte on an answer is packed by gzip, for those who take that."""
    await fill(database, count)
    async with served(database) as house, house.http.get("/jobs", headers={"Accept-Encoding": accepted}) as answer:
        assert packed == answer.headers.get("Content-Encoding")
        assert "Accept-Encoding" == answer.headers["Vary"]
        assert count == len((await answer.json())["jobs"])


async def test_a_large_answer_is_packed_aside(database: str) -> None:
    """Megabytes of payloads are an answer like any other: no warning, no traceback, and whole."""
    await fill(database, 30, payload="x" * 70_000)
    async with served(database, token=TOKEN) as house:
        status, page = await ask(house, "?fields=payload", BEARER)
    assert (200, 30, {LONGEST_TEXT}) == (status, len(page["jobs"]), {len(job["payload"]) for job in page["jobs"]})


@pytest.mark.parametrize(
    ("fields", "rows", "characters"),
    [
        ((*FIELDS, "client_id", "appointment_id"), MOST_ROWS, 5 * LONGEST_NAME),
        ((*FIELDS, *PERSONAL), MOST_ROWS_WITH_TEXTS, 5 * LONGEST_NAME + 2 * LONGEST_TEXT),
    ],
)
async def test_a_page_is_of_bounded_size(database: str, fields: tuple[str, ...], rows: int, characters: int) -> None:
    """However long the texts of its rows are, the largest page has as many bytes as its limits promise."""
    connection = await asyncpg.connect(database)
    await connection.execute(HUGE, rows + 1)
    await connection.close()
    async with served(database, token=TOKEN) as house:
        query = {"limit": str(rows), "fields": ",".join(fields)}
        async with house.http.get("/jobs", params=query, headers=BEARER) as answer:
            body = await answer.read()
    page = json.loads(body)
    assert (200, rows, {"🦊" * LONGEST_NAME}) == (
        answer.status, len(page["jobs"]), {job["type"] for job in page["jobs"]},
    )  # fmt: skip
    assert page["next"]
    assert rows * characters <= 1_100_000
    assert len(body) <= 12 * rows * characters + rows * 500  # an emoji takes 12; names of fields, times, states


@pytest.mark.parametrize(
    ("query", "cure"),
    [
        ("?status=failed&salon_id=s", "ask again in a moment"),
        ("?appointment_id=a&type=t", "no index serves type and appointment_id: give salon_id, or created_from too"),
        ("?appointment_id=a&salon_id=s", "no index serves appointment_id: give created_from too"),
    ],
)
async def test_a_slow_filter_is_told_with_its_cure(database: str, query: str, cure: str) -> None:
    """A page that does not come in time is refused with the filter that would have made it quick."""
    locker = await asyncpg.connect(database)
    try:
        async with served(database, token=TOKEN) as house:
            await locker.execute("begin; lock table notification_jobs in access exclusive mode")
            async with house.http.get(f"/jobs{query}", headers=BEARER) as answer:
                body = await answer.json()
            assert (503, "2") == (answer.status, answer.headers["Retry-After"])
            assert "the database gave no page: no answer within the time limit" == body["error"]
            assert cure in body["cure"]
            assert ("index" in cure) == ("index" in body["cure"])
    finally:
        await locker.close()


async def test_a_locked_table_is_told(database: str) -> None:
    """A page that does not come within its time is an answer with a cure, and the next one is there again."""
    locker = await asyncpg.connect(database)
    try:
        async with served(database) as house:
            await locker.execute("begin; lock table notification_jobs in access exclusive mode")
            assert 503 == (await ask(house))[0]
            await locker.execute("rollback")
            assert 200 == (await ask(house))[0]
    finally:
        await locker.close()
