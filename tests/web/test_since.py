"""`/stats?since=`: the series over a real socket, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from web.serving import House, served


async def get(house: House, **query: str) -> tuple[int, Any]:
    """Ask, and return status and JSON."""
    async with house.http.get("/stats", params=query) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(("days", "step", "points"), [(0, 3_600, 1), (2, 3_600, 49), (30, 86_400, 31)])
async def test_a_series(database: str, days: int, step: int, points: int) -> None:
    """Hours for a week, days for longer; each point has every figure, and the snapshot is the same as without."""
    async with served(database) as house:
        _, plain = await get(house)
        since = datetime.fromisoformat(plain["as_of"]) - timedelta(days=days)
        status, body = await get(house, since=since.isoformat(), salon_id="salon-1")
    assert (200, step, points) == (status, body["step_s"], len(body["series"]))
    assert plain.keys() | {"step_s", "series"} == body.keys()
    zero = {"sent": 0, "failed": 0, "suppressed": 0}
    assert {
        "jobs": {"completed": 0, "partial": 0, "failed": 0, "cancelled": 0},
        "channels": {"email": zero, "sms": {**zero, "segments": 0}},
    } == {name: body["series"][0][name] for name in ("jobs", "channels")}
    assert datetime.fromisoformat(body["series"][0]["start"]).utcoffset() == timedelta()


@pytest.mark.parametrize(
    "since",
    [
        "",
        "yesterday",
        "2026-02-30T08:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "x" * 2_000,
        "\0",
    ],
)
async def test_no_moment(database: str, since: str) -> None:
    """What is no moment is refused with what to give instead, and not repeated."""
    async with served(database) as house:
        status, body = await get(house, since=since)
        assert (400, True) == (status, body["error"].startswith("since "))
        assert "give" in body["cure"]
        async with house.http.get("/stats?since=2026-01-31T08:00:00Z&since=2026-01-31T08:00:00Z") as twice:
            assert 400 == twice.status


@pytest.mark.parametrize("days", [401, 20_000, -1])
async def test_too_far(database: str, days: int) -> None:
    """More points than a chart can show, and the future, are refused with the limit."""
    async with served(database) as house:
        status, body = await get(house, since=(datetime.now(UTC) - timedelta(days=days)).isoformat())  # noqa: TID251
        assert (400, "give a moment of the last 399 days") == (status, body["cure"])
