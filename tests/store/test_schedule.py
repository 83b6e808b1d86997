"""Due times: what falls due becomes pending, what waits for a provider waits for it, and nothing is lost."""

from datetime import timedelta

import anyio
import asyncpg

from notifyd.model.verdict import Defer
from notifyd.store.pool import Store
from notifyd.store.schedule import Promotion, promote, reschedule_lost
from notifyd.store.stats import read
from store.steps import EMAIL, SMS, claimed, count, row, settle
from support.jobs import insert_job

NOTHING = Promotion(moved=0, more=False, next_due=None)


async def deferred(
    store: Store, connection: asyncpg.Connection, seconds: float = 60.0, waits_for: str | None = None
) -> str:
    """Insert a job, claim it and put it off; negative seconds: it has fallen due long since."""
    job = await claimed(store, connection)
    await settle(store, job, Defer(timedelta(minutes=1), spent=False, waits_for=waits_for))
    await connection.execute(
        "update notifyd.schedule set due_at = now() + $1 where job_id = $2", timedelta(seconds=seconds), job.id
    )
    return job.id


async def statuses(connection: asyncpg.Connection, *job_ids: str) -> list[str]:
    """Return the jobs' states."""
    return [(await row(connection, job_id))["status"] for job_id in job_ids]


async def test_nothing_scheduled(store: Store) -> None:
    """Without anything scheduled there is nothing to wait for."""
    assert NOTHING == await promote(store, [EMAIL, SMS], [], 10)


async def test_what_fell_due(store: Store, connection: asyncpg.Connection) -> None:
    """Only what has fallen due becomes pending; the next due time is told."""
    due, later, much_later = [await deferred(store, connection, seconds) for seconds in (-1, 60, 600)]
    promotion = await promote(store, [], [], 10)
    assert (1, False) == (promotion.moved, promotion.more)
    assert promotion.next_due is not None
    assert 50 < promotion.next_due <= 60
    assert ["pending", "scheduled", "scheduled"] == await statuses(connection, due, later, much_later)
    assert 2 == await count(connection, "schedule")


async def test_no_more_than_asked_for(store: Store, connection: asyncpg.Connection) -> None:
    """The oldest go first, and there is word of more until there is none."""
    due = [await deferred(store, connection, -seconds) for seconds in (30, 20, 10)]
    assert Promotion(moved=2, more=True, next_due=None) == await promote(store, [], [], 2)
    assert ["pending", "pending", "scheduled"] == await statuses(connection, *due)
    assert Promotion(moved=1, more=False, next_due=None) == await promote(store, [], [], 2)


async def test_waiting_for_a_provider(store: Store, connection: asyncpg.Connection) -> None:
    """What waits for a channel stays, however long it has been due, until that channel is back."""
    email = [await deferred(store, connection, seconds, EMAIL) for seconds in (-10, 10)]
    sms = await deferred(store, connection, -10, SMS)
    assert NOTHING == await promote(store, [], [], 10)
    assert Promotion(moved=2, more=False, next_due=None) == await promote(store, [EMAIL], [], 10)
    assert ["pending", "pending", "scheduled"] == await statuses(connection, *email, sms)


async def test_one_probe_for_each_channel(store: Store, connection: asyncpg.Connection) -> None:
    """Each paused channel that may be probed gets its oldest job, though another channel's have waited for longer."""
    email = [await deferred(store, connection, seconds, EMAIL) for seconds in (-30, -20, -10)]
    sms = [await deferred(store, connection, seconds, SMS) for seconds in (-2, -1)]
    assert Promotion(moved=2, more=False, next_due=None) == await promote(store, [], [EMAIL, SMS], 10)
    assert ["pending", "scheduled", "scheduled"] == await statuses(connection, *email)
    assert ["pending", "scheduled"] == await statuses(connection, *sms)


async def test_waiting_for_whichever_comes_back(store: Store, connection: asyncpg.Connection) -> None:
    """A job both of whose channels are paused goes as soon as either works or may be probed, and counts for both."""
    jobs = [await deferred(store, connection, -10, "email,sms") for _ in range(3)]
    assert [1, 1] == [(await read(store)).channels[channel].paused // 3 for channel in ("email", "sms")]
    assert Promotion(moved=1, more=False, next_due=None) == await promote(store, [], [EMAIL, SMS], 10)
    assert Promotion(moved=2, more=False, next_due=None) == await promote(store, [SMS], [EMAIL], 10)
    assert ["pending"] * 3 == await statuses(connection, *jobs)


async def test_called_off_while_it_waited(store: Store, connection: asyncpg.Connection) -> None:
    """A job cancelled or deleted meanwhile stays so; a probe that was called off is replaced at once."""
    cancelled, deleted, due = [await deferred(store, connection, seconds, SMS) for seconds in (-30, -20, -10)]
    await connection.execute("update notification_jobs set status = 'cancelled' where id = $1", cancelled)
    await connection.execute("delete from notification_jobs where id = $1", deleted)
    tries = [await promote(store, [], [SMS], 10) for _ in range(3)]
    assert [(0, True), (0, True), (1, False)] == [(each.moved, each.more) for each in tries]
    assert ["cancelled", "pending"] == await statuses(connection, cancelled, due)
    assert 0 == await count(connection, "schedule")


async def test_two_daemons_promote(store: Store, connection: asyncpg.Connection) -> None:
    """Daemons at the same time promote each job once."""
    for _ in range(100):
        await insert_job(connection, status="scheduled")
    await reschedule_lost(store, 1_000)
    moved = 0

    async def daemon() -> None:
        nonlocal moved
        while (promotion := await promote(store, [], [], 9)).moved:
            moved += promotion.moved

    async with anyio.create_task_group() as daemons:
        for _ in range(4):
            daemons.start_soon(daemon)
    assert 100 == moved + (await promote(store, [], [], 100)).moved
    assert 0 == await count(connection, "schedule")


async def test_a_lost_due_time(store: Store, connection: asyncpg.Connection) -> None:
    """A scheduled row without a due time, of a foreign hand or a backup, gets one: now. Others keep theirs."""
    kept = await deferred(store, connection, 60)
    lost = await insert_job(connection, status="scheduled")
    await insert_job(connection, status="held")
    assert ([lost], []) == (await reschedule_lost(store, 10), await reschedule_lost(store, 10))
    assert 1 == (await promote(store, [], [], 10)).moved
    assert ["scheduled", "pending"] == await statuses(connection, kept, lost)
