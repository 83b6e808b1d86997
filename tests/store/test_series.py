"""The series of `/stats?since=`: every step has its point, and the points add up."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.model.outcome import Permanent, Sent
from notifyd.model.series import MOST_POINTS, SeriesRefused, assemble
from notifyd.model.verdict import Bury, Done
from notifyd.store.deliveries import Intent, intend
from notifyd.store.pool import Store
from notifyd.store.record import VerdictRecord, record
from notifyd.store.rollups import fold
from notifyd.store.stats import COUNT_ALL, COUNT_SALON, read
from store.steps import EMAIL, FINGERPRINT, RECIPIENT, SENDER, SMS, claimed, complete, send

NOON = datetime(2026, 3, 15, 12, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=390)), st.sampled_from([0, 330, -480]))
def test_no_step_is_left_out(ago: timedelta, offset: int) -> None:
    """Whenever it begins, in whatever zone it is given, the points follow each other without a gap up to now."""
    since = (NOON - ago).astimezone(tz=datetime.strptime(f"{offset // 60:+03d}{abs(offset) % 60:02d}", "%z").tzinfo)
    series = assemble({}, since, NOON)
    assert (HOUR if ago <= timedelta(days=7, hours=1) else DAY) == series.step
    starts = [point.start for point in series.points]
    assert starts[0] <= since < starts[0] + series.step
    assert starts[-1] <= NOON < starts[-1] + series.step
    assert {series.step} >= {b - a for a, b in pairwise(starts)}
    assert len(starts) <= MOST_POINTS
    assert all(start.utcoffset() == timedelta() and start.minute == 0 for start in starts)


@pytest.mark.parametrize(
    ("since", "words"), [(NOON + HOUR, "future"), (NOON - MOST_POINTS * DAY, "400 days"), (NOON - 9_999 * DAY, "days")]
)
def test_too_much_or_nothing(since: datetime, words: str) -> None:
    """A series that would be endless, or has not begun, is refused with the reason."""
    with pytest.raises(SeriesRefused, match=words):
        assemble({}, since, NOON)


async def test_points_are_what_was_done(store: Store, connection: asyncpg.Connection) -> None:
    """Each point has the jobs and messages of its step, of one salon or of all, folded or not; zeros too."""
    for salon in ("a", "b"):
        await complete(store, await claimed(store, connection, salon_id=salon))
    job = await claimed(store, connection, salon_id="a")
    await intend(
        store, [Intent(job, EMAIL, SENDER, RECIPIENT, None), Intent(job, SMS, SENDER, RECIPIENT, FINGERPRINT, 4)]
    )
    outcomes = [send(job, Permanent("no")), send(job, Sent("1"), SMS)]
    await record(store, [*outcomes, VerdictRecord(job, Done("email: no"))])
    lost = await claimed(store, connection, salon_id="b")
    await record(store, [VerdictRecord(lost, Bury("x"))])
    await connection.execute(  # five hours and eleven days ago it was the same
        "insert into notifyd.tallies (counts)"
        " select array_agg(row(hour - ago, salon_key, type, channel, outcome, n, 0)::notifyd.tally)"
        " from notifyd.counts, unnest(array[interval '5 hours', interval '11 days']) ago"
    )
    for folded in (False, True):
        for only in (None, "a"):
            for step, since in ((HOUR, 6 * HOUR), (DAY, 12 * DAY)):
                await check(store, only, step, since)
        assert folded or await fold(store, 3)
    assert (await read(store)).series is None
    for rows in (await store.fetch(COUNT_ALL, None, None), await store.fetch(COUNT_SALON, "a", None)):
        assert not [row for row in rows if row["start"]]  # nor was any point of one looked up


async def check(store: Store, salon: str | None, step: timedelta, ago: timedelta) -> None:
    """See what the points say, all of them and the first that is not zero."""
    as_of = (await read(store)).as_of
    series = (await read(store, salon, as_of - ago)).series
    assert series is not None
    assert step == series.step
    busy = [point for point in series.points if point.jobs["completed"]]
    (last,) = busy[-1:]
    everyone = salon is None
    same_day = step == DAY and (last.start + DAY > as_of) and as_of.hour >= 5
    times = 2 if same_day else 1
    assert {
        "completed": (3 if everyone else 2) * times,
        "partial": times,
        "failed": (1 if everyone else 0) * times,
        "cancelled": 0,
    } == dict(last.jobs)
    assert {"sent": (2 if everyone else 1) * times, "failed": times, "suppressed": 0} == dict(last.channels["email"])
    assert {"sent": times, "failed": 0, "suppressed": 0, "segments": 4 * times} == dict(last.channels["sms"])
    assert (3 if step == DAY else 2) - same_day == len(busy)
