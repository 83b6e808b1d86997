"""Outcomes and verdicts: fenced, in order, safe to repeat, and never at odds with the booking system."""

from datetime import timedelta

import asyncpg
import pytest

from notifyd.model.outcome import Outcome, Paused, Permanent, Retryable, Sent, Suppress, Unknown
from notifyd.model.verdict import Bury, Cancel, Defer, Done, Hold, Verdict
from notifyd.store.pool import Store
from notifyd.store.record import LONGEST_ERROR, Record, Settled, VerdictRecord, record
from notifyd.store.schedule import promote
from store.steps import EMAIL, SMS, claimed, count, go_ahead, ledger, let_expire, rescue_all, row, send, settle, take
from support.jobs import insert_job

WRITTEN = Settled(lease_held=True, row_found=True)
LOST = Settled(lease_held=False, row_found=False)
GONE = Settled(lease_held=True, row_found=False)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Sent("250 2.0.0 queued as 1"), "sent", None),
        (Retryable("busy"), "retrying", "busy"),
        (Paused("down"), "retrying", "down"),
        (Permanent("refused"), "failed", "refused"),
        (Suppress("no such mailbox"), "suppressed", "no such mailbox"),
        (Unknown("cut off"), "unknown", "cut off"),
    ],
)
async def test_outcomes(
    store: Store, connection: asyncpg.Connection, outcome: Outcome, state: str, reason: str | None
) -> None:
    """Each outcome has its state in the ledger; recording it twice changes nothing."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    assert [None] == await record(store, [send(job, outcome)])
    before = await connection.fetch("select * from notifyd.deliveries")
    assert [None] == await record(store, [send(job, Unknown("late echo"))])
    assert before == await connection.fetch("select * from notifyd.deliveries")
    assert {"email": (state, reason)} == await ledger(connection, job)
    assert (outcome.provider_id if isinstance(outcome, Sent) else None) == before[0]["provider_id"]


@pytest.mark.parametrize(
    ("verdict", "status", "error", "attempts", "finished"),
    [
        (Done(), "completed", None, 1, True),
        (Done("sms: refused"), "completed", "sms: refused", 1, True),
        (Bury("email: refused"), "failed", "email: refused", 1, True),
        (Bury("attempts used up", spent=False), "failed", "attempts used up", 0, True),
        (Cancel("expired"), "cancelled", "expired", 1, True),
        (Hold("outcome unknown"), "held", "outcome unknown", 1, False),
        (Defer(HOUR, spent=True, reason="busy"), "scheduled", "busy", 1, False),
        (Defer(HOUR, spent=False), "scheduled", None, 0, False),
        (Defer(timedelta(), spent=False, reason="stopped"), "pending", "stopped", 0, False),
        (Defer(-HOUR, spent=True), "pending", None, 1, False),
        (Defer(timedelta(), spent=False, reason="down", waits_for=SMS), "scheduled", "down", 0, False),
    ],
)
async def test_verdicts(
    store: Store,
    connection: asyncpg.Connection,
    *,
    verdict: Verdict,
    status: str,
    error: str | None,
    attempts: int,
    finished: bool,
) -> None:
    """Each verdict writes status, error, attempts and `processed_at`, and ends the lease."""
    job = await claimed(store, connection, error="of an earlier attempt", processed_at=None)
    assert WRITTEN == await settle(store, job, verdict)
    found = await row(connection, job)
    assert (status, error, attempts) == (found["status"], found["error"], found["attempts"])
    assert finished == (found["processed_at"] is not None)
    assert 0 == await count(connection, "leases")
    assert (status == "scheduled") == bool(await count(connection, "schedule"))


async def test_a_deferral_is_on_the_schedule(store: Store, connection: asyncpg.Connection) -> None:
    """The due time is the database's clock plus the delay, with what it waits for and why."""
    job = await claimed(store, connection)
    await settle(store, job, Defer(HOUR, spent=True, reason="down", waits_for=EMAIL))
    (plan,) = await connection.fetch("select *, extract(epoch from due_at - now()) as due_in from notifyd.schedule")
    assert (job.id, "email", "down") == (plan["job_id"], plan["waits_for"], plan["reason"])
    assert 3590 < plan["due_in"] <= 3600


async def test_attempts_stay_within_bounds(store: Store, connection: asyncpg.Connection) -> None:
    """An attempt that is handed back never makes the counter negative, whatever the booking system wrote meanwhile."""
    job = await claimed(store, connection)
    await connection.execute("update notification_jobs set attempts = 0")
    await settle(store, job, Defer(HOUR, spent=False))
    assert 0 == (await row(connection, job))["attempts"]


async def test_repeated(store: Store, connection: asyncpg.Connection) -> None:
    """A record repeated because its answer was lost changes nothing more; the verdict finds its lease gone."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    batch: list[Record] = [send(job, Suppress("gone")), VerdictRecord(job, Bury("email: gone"))]
    assert [None, WRITTEN] == await record(store, batch)
    before = await everything(connection)
    assert [None, LOST] == await record(store, batch)
    assert before == await everything(connection)


async def everything(connection: asyncpg.Connection) -> list[list[asyncpg.Record]]:
    """Return all rows of the tables that a record may touch."""
    tables = ("notification_jobs", "notifyd.leases", "notifyd.deliveries", "notifyd.schedule", "notifyd.suppressions")
    return [await connection.fetch(f"select * from {table} order by 1") for table in tables]


@pytest.mark.parametrize("verdict", [Done(), Bury("x"), Cancel("x"), Hold("x"), Defer(HOUR, spent=False)])
@pytest.mark.parametrize("reclaimed", [False, True], ids=["rescued", "claimed by another"])
async def test_a_stale_daemon_changes_nothing(
    store: Store, connection: asyncpg.Connection, verdict: Verdict, reclaimed: bool
) -> None:
    """Whoever lost the lease can neither settle the job nor write an outcome, a suppression or a due time."""
    stale = await claimed(store, connection)
    await go_ahead(store, stale)
    await let_expire(connection)
    await rescue_all(store)
    if reclaimed:
        (fresh,) = await take(store, daemon="two")
        await go_ahead(store, fresh)
    before = await everything(connection)
    found = await record(
        store, [send(stale, Suppress("gone")), send(stale, Sent("1"), SMS), VerdictRecord(stale, verdict)]
    )
    assert [None, None, LOST] == found
    assert before == await everything(connection)


@pytest.mark.parametrize("harm", ["update notification_jobs set status = 'cancelled'", "delete from notification_jobs"])
async def test_called_off_meanwhile(store: Store, connection: asyncpg.Connection, harm: str) -> None:
    """A row that the booking system cancelled or deleted stays so; the outcome is on record, the lease is gone."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    await connection.execute(harm)
    before = await connection.fetch("select * from notification_jobs")
    assert [None, GONE] == await record(store, [send(job, Sent("1")), VerdictRecord(job, Defer(HOUR, spent=False))])
    assert before == await connection.fetch("select * from notification_jobs")
    assert (0, 0) == (await count(connection, "leases"), await count(connection, "schedule"))
    assert {"email": ("sent", None)} == await ledger(connection, job)


async def test_a_suppression_is_written_once(store: Store, connection: asyncpg.Connection) -> None:
    """Of many refusals of one recipient, in one batch or several, one suppression remains: the first, in lower case."""
    jobs = [await claimed(store, connection) for _ in range(3)]
    await go_ahead(store, *jobs)
    await record(store, [send(job, Suppress("no mailbox"), recipient="A@B.com") for job in jobs[:2]])
    await record(store, [send(jobs[2], Suppress("said stop"), recipient="a@b.COM")])
    (only,) = await connection.fetch("select * from notifyd.suppressions")
    assert ("email", "a@b.com", "no mailbox") == (only["channel"], only["recipient"], only["reason"])
    assert only["job_id"] in {job.id for job in jobs[:2]}
    await go_ahead(store, *jobs[:0])


async def test_only_suppress_suppresses(store: Store, connection: asyncpg.Connection) -> None:
    """No other outcome puts anybody on the list."""
    outcomes: list[Outcome] = [Sent("1"), Retryable("x"), Paused("x"), Permanent("x"), Unknown("x")]
    for outcome in outcomes:
        job = await claimed(store, connection)
        await go_ahead(store, job)
        await record(store, [send(job, outcome)])
    assert 0 == await count(connection, "suppressions")


POISON = ["nul \0 byte", "surrogate \ud800", "line\r\nbreak", "x" * 100_000, "\u202e right to left", ""]


@pytest.mark.parametrize("text", POISON, ids=range(len(POISON)))
async def test_poison_in_reasons(store: Store, connection: asyncpg.Connection, text: str) -> None:
    """Whatever a provider says can be written, on one line, of bounded length."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    await go_ahead(store, job, channel=SMS)
    found = await record(
        store, [send(job, Permanent(text)), send(job, Sent(text), SMS), VerdictRecord(job, Bury(text))]
    )
    assert [None, None, WRITTEN] == found
    error = (await row(connection, job))["error"]
    assert (error.isprintable(), True) == (True, len(error) <= LONGEST_ERROR)
    provider_id = await connection.fetchval("select provider_id from notifyd.deliveries where channel = 'sms'")
    assert error == provider_id == (await ledger(connection, job))["email"][1]


async def test_three_hundred_at_once(store: Store, connection: asyncpg.Connection) -> None:
    """Outcomes and verdicts of many jobs, mixed, each come to their own row, and are answered in order."""
    for _ in range(300):
        await insert_job(connection)
    jobs = await take(store)
    await go_ahead(store, *jobs)
    await connection.execute("delete from notifyd.leases where lease_id % 3 = 0")
    await connection.execute(
        "delete from notification_jobs where id in (select job_id from notifyd.leases where lease_id % 5 = 0)"
    )
    batch: list[Record] = []
    for job in jobs:
        verdict = (
            Done(f"note {job.lease_id}") if job.lease_id % 2 else Defer(HOUR, spent=True, reason=f"{job.lease_id}")
        )
        batch += [send(job, Sent(f"id {job.lease_id}")), VerdictRecord(job, verdict)]
    expected = [
        each
        for job in jobs
        for each in (None, LOST if job.lease_id % 3 == 0 else GONE if job.lease_id % 5 == 0 else WRITTEN)
    ]
    assert expected == await record(store, batch)
    wrong = await connection.fetchval(
        "select count(*) from notifyd.deliveries join notification_jobs on id = job_id"
        " where provider_id <> 'id ' || lease_id or lease_id % 3 <> 0 and case when lease_id % 2 = 1"
        " then status <> 'completed' or error <> 'note ' || lease_id"
        " else status <> 'scheduled' or error <> lease_id::text end"
    )
    assert 0 == wrong
    assert 80 == await count(connection, "schedule")


async def test_nothing_to_record(store: Store) -> None:
    """An empty batch is no error."""
    assert [] == await record(store, [])


async def test_a_new_due_time_replaces_the_old(store: Store, connection: asyncpg.Connection) -> None:
    """A job has one due time: a leftover of an earlier deferral is replaced."""
    job = await claimed(store, connection)
    await settle(store, job, Defer(HOUR, spent=True, waits_for=SMS))
    await connection.execute("update notification_jobs set status = 'pending'")  # an operator, behind our back
    (again,) = await take(store)
    await settle(store, again, Defer(timedelta(seconds=1), spent=True))
    assert [(None, True)] == [
        tuple(plan)
        for plan in await connection.fetch("select waits_for, due_at < now() + interval '1 min' from notifyd.schedule")
    ]
    assert 0 == (await promote(store, [SMS], [], 10)).moved
