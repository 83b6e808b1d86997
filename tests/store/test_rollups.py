"""What was counted when it was done: right after every statement, however it is folded, and for good."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import anyio
import asyncpg
import pytest

from notifyd.model.job import Channel, Job, State
from notifyd.model.outcome import Outcome, Permanent, Sent, Suppress, Unknown
from notifyd.model.receipt import Receipt, ReceiptState
from notifyd.model.verdict import Bury, Cancel, Defer, Done, Verdict
from notifyd.store.cancelled import note
from notifyd.store.deliveries import Intent, intend
from notifyd.store.inquiries import prove
from notifyd.store.migrate import migrate
from notifyd.store.pool import Store, open_store
from notifyd.store.receipts import Received, receive
from notifyd.store.record import Record, VerdictRecord, record
from notifyd.store.retention import FIRST_KEY, forget, purge
from notifyd.store.rollups import ALL_SALONS, fold
from notifyd.store.tally import salon_key
from notifyd.store.verify import verify
from store.shapes import SHAPES, TABLE, connected
from store.steps import (
    EMAIL,
    FINGERPRINT,
    RECIPIENT,
    SENDER,
    SMS,
    claimed,
    complete,
    count,
    go_ahead,
    let_expire,
    rescue_all,
    send,
    settle,
    take,
)
from support.jobs import insert_job

HOUR = timedelta(hours=1)
SEGMENTS = 3
AT_ONCE = 5  # seconds; a wait for a lock would be one for ever

COUNTED = """
select channel || ' ' || outcome as what, sum(n)::int as n, sum(purged)::int as purged
from notifyd.counts group by 1 having sum(n) <> 0 or sum(purged) <> 0
"""


async def counted(connection: asyncpg.Connection) -> dict[str, int]:
    """Return what was counted, by channel and outcome."""
    return {row["what"]: row["n"] for row in await connection.fetch(COUNTED) if row["n"]}


async def send_all(store: Store, job: Job, outcomes: dict[Channel, Outcome], verdict: Verdict) -> None:
    """Carry a job to its end, in as few statements as the engine would."""
    intents = [
        Intent(job, channel, SENDER, RECIPIENT, FINGERPRINT if channel is SMS else None, SEGMENTS * (channel is SMS))
        for channel in outcomes
    ]
    await intend(store, intents)
    records: list[Record] = [send(job, outcome, channel) for channel, outcome in outcomes.items()]
    await record(store, [*records, VerdictRecord(job, verdict)])


@pytest.mark.parametrize(
    ("email", "sms", "verdict", "expected"),
    [
        (Sent("1"), Sent("2"), Done(), {"job completed": 1, "email sent": 1, "sms sent": 1, "sms segments": SEGMENTS}),
        (Sent("1"), Permanent("no"), Done("sms: no"), {"job partial": 1, "email sent": 1, "sms failed": 1}),
        (
            Suppress("gone"),
            Sent("2"),
            Done("email: gone"),
            {"job partial": 1, "email suppressed": 1, "sms sent": 1, "sms segments": SEGMENTS},
        ),
        (Sent("1"), Unknown("cut"), Done("sms: ?"), {"job completed": 1, "email sent": 1, "sms unknown": 1}),
        (Permanent("no"), Permanent("no"), Bury("no"), {"job failed": 1, "email failed": 1, "sms failed": 1}),
        (Sent("1"), Unknown("cut"), Defer(HOUR, spent=True), {"email sent": 1, "sms unknown": 1}),
        (Permanent("no"), Unknown("cut"), Cancel("late"), {"job cancelled": 1, "email failed": 1, "sms unknown": 1}),
    ],
)
async def test_what_a_job_counts_for(
    store: Store,
    connection: asyncpg.Connection,
    database: str,
    *,
    email: Outcome,
    sms: Outcome,
    verdict: Verdict,
    expected: dict[str, int],
) -> None:
    """Each message and each job is counted once, under what it came to; a repeated record counts nothing more."""
    job = await claimed(store, connection)
    await send_all(store, job, {EMAIL: email, SMS: sms}, verdict)
    assert expected == await counted(connection)
    await record(store, [send(job, email), send(job, sms, SMS), VerdictRecord(job, verdict)])
    assert expected == await counted(connection)
    assert (await verify(database, TABLE)).clean


async def test_partial_however_the_outcomes_arrive(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """A job is partial by what the ledger says, written by this statement, by one before it, or by both."""
    for early in ([], [EMAIL], [SMS], [EMAIL, SMS]):
        job = await claimed(store, connection)
        await go_ahead(store, job)
        await go_ahead(store, job, channel=SMS)
        sends = {EMAIL: send(job, Sent("1")), SMS: send(job, Permanent("no"), SMS)}
        await record(store, [sends.pop(channel) for channel in early])
        await record(store, [*sends.values(), VerdictRecord(job, Done("sms: no"))])
    assert 4 == (await counted(connection))["job partial"]
    assert (await verify(database, TABLE)).clean


async def test_a_channel_that_was_skipped_makes_nothing_partial(store: Store, connection: asyncpg.Connection) -> None:
    """A remark about a channel that the ledger never saw is no message given up."""
    job = await claimed(store, connection)
    await send_all(store, job, {EMAIL: Sent("1")}, Done("sms: skipped, this channel is off"))
    assert {"job completed": 1, "email sent": 1} == await counted(connection)


async def test_a_doubt_is_counted_while_it_lasts(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """Unknown is how many are in doubt now: cleared by an inquiry, a receipt or a new intent, it is counted no more."""
    for _ in range(4):
        await insert_job(connection)
    jobs = await take(store)
    for job in jobs:
        await send_all(store, job, {SMS: Unknown("cut")}, Defer(timedelta(), spent=True))
    assert {"sms unknown": 4} == await counted(connection)
    found, absent, heard, again = await take(store)
    await connection.execute("update notifyd.deliveries set fingerprint = job_id")  # no two of them are alike
    await prove(store, found, SMS, ["SM1"], grace_passed=True)
    await prove(store, absent, SMS, [], grace_passed=True)
    await receive(store, [receipt(heard, ReceiptState.DELIVERED)])
    await go_ahead(store, again, channel=SMS)
    assert {"sms sent": 2, "sms segments": 2 * SEGMENTS} == await counted(connection)
    await let_expire(connection)
    await rescue_all(store)
    assert {"sms sent": 2, "sms segments": 2 * SEGMENTS, "sms unknown": 1} == await counted(connection)
    assert (await verify(database, TABLE)).clean


def receipt(job: Job, state: ReceiptState, **more: Any) -> Receipt:
    """Describe what was heard of a job's SMS."""
    return Receipt(key=job.key, channel=SMS, state=state, provider_id=None, lease_id=None, **more)


@pytest.mark.parametrize("email", [Sent("1"), Permanent("no")], ids=["completed", "partial"])
async def test_a_resent_message_is_counted_no_more(
    store: Store, connection: asyncpg.Connection, database: str, email: Outcome
) -> None:
    """A job that leaves its final state, and its message that did not arrive, are taken out of the counts again."""
    job = await claimed(store, connection)
    verdict = Done(None if isinstance(email, Sent) else "email: no")
    await send_all(store, job, {EMAIL: email, SMS: Sent("2")}, verdict)
    undelivered = receipt(job, ReceiptState.UNDELIVERED, reason="off", retry_after=60.0, resends=1)
    assert [Received.RESENT] == [heard.result for heard in await receive(store, [undelivered])]
    assert {f"email {'sent' if verdict.note is None else 'failed'}": 1} == await counted(connection)
    assert (await verify(database, TABLE)).clean


async def test_suppressed_before_it_was_sent(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """A message that is refused by its intent counts as suppressed, once, be the intent repeated."""
    first, second = await claimed(store, connection), await claimed(store, connection)
    await send_all(store, first, {EMAIL: Suppress("gone")}, Bury("email: gone"))
    for _ in range(3):
        await intend(store, [Intent(second, EMAIL, SENDER, RECIPIENT, None)])
    assert {"job failed": 1, "email suppressed": 2} == await counted(connection)
    assert (await verify(database, TABLE)).clean


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_hour_is_that_of_the_row(empty_database: str, shape: str) -> None:
    """A job counts in the hour of its `processed_at` as it was stored, rounded or not, in every shape of the table."""
    async with connected(empty_database, timezone="Asia/Kolkata") as connection:
        await connection.execute(SHAPES[shape])
        await migrate(empty_database)
        await connection.execute(STOP_THE_CLOCK)
        async with open_store(empty_database, TABLE, connections=1) as store:
            identity = {"id": await connection.fetchval("select gen_random_uuid()")} if shape == "uuid" else {}
            job = await claimed(store, connection, **identity)
            await settle(store, job, Done())
            await fold(store, 10)
        hour = await connection.fetchval("select hour from notifyd.counts")
        stored = await connection.fetchval("select processed_at from notification_jobs")
        stored = stored if stored.tzinfo else stored.replace(tzinfo=UTC)
        assert stored.astimezone(UTC).replace(minute=0, second=0, microsecond=0) == hour
        assert (await verify(empty_database, TABLE)).clean


STOP_THE_CLOCK = """
create function end_of_the_hour() returns trigger language plpgsql as $$
begin
    if new.processed_at is not null then
        new.processed_at := case when pg_typeof(new.processed_at) = 'timestamptz'::regtype
            then timestamptz '2026-03-01 12:59:59.9996Z' else timestamp '2026-03-01 12:59:59.9996' end;
    end if;
    return new;
end
$$;
create trigger end_of_the_hour before update on notification_jobs for each row execute function end_of_the_hour();
"""
"""Every job ends in the last half of a millisecond of an hour: `timestamp(3)` makes the next one of it."""


async def test_retention_leaves_the_counts(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """What is purged stays counted, is told apart as purged, and the recount of what is left agrees."""
    jobs: list[tuple[dict[Channel, Outcome], Verdict]] = [
        ({EMAIL: Sent("1"), SMS: Sent("2")}, Done()),
        ({EMAIL: Sent("1"), SMS: Permanent("no")}, Done("sms: no")),
        ({EMAIL: Permanent("no")}, Bury("email: no")),
    ]
    for outcomes, verdict in jobs:
        await send_all(store, await claimed(store, connection), outcomes, verdict)
    before = await counted(connection)
    for _ in range(2):  # one by one, and folded in between
        assert 1 == await purge(store, State.COMPLETED, timedelta(seconds=-1), 1)
        await fold(store)
    assert before == await counted(connection)
    purged = {row["what"]: row["purged"] for row in await connection.fetch(COUNTED) if row["purged"]}
    assert {**before, "email failed": 0, "job failed": 0} == {**purged, "email failed": 0, "job failed": 0}
    assert (await verify(database, TABLE)).clean
    await connection.execute("delete from notification_jobs")  # by the booking system
    assert 1 == (await forget(store, FIRST_KEY, timedelta(seconds=-1), 10)).forgotten
    assert before == await counted(connection)
    assert [("job", "failed", 0, 1)] == [
        (one.channel, one.outcome, one.more, one.fewer) for one in (await verify(database, TABLE)).totals
    ]


async def test_what_retention_deletes_is_in_doubt_no_more(
    store: Store, connection: asyncpg.Connection, database: str
) -> None:
    """`unknown` is what is in doubt now: it goes with the rows, whoever deleted the job."""
    for state in (State.COMPLETED, State.FAILED):
        verdict: Verdict = Done() if state is State.COMPLETED else Bury("email: nobody knows")
        await send_all(store, await claimed(store, connection), {EMAIL: Unknown("cut off")}, verdict)
    assert 2 == (await counted(connection))["email unknown"]
    await purge(store, State.COMPLETED, timedelta(seconds=-1), 10)
    assert 1 == (await counted(connection))["email unknown"]
    assert (await verify(database, TABLE)).clean
    await connection.execute("delete from notification_jobs")
    await forget(store, FIRST_KEY, timedelta(seconds=-1), 10)
    assert {"job completed": 1, "job failed": 1} == await counted(connection)


async def test_called_off_by_the_booking_system(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """It is taken note of once: ended now, counted, off the schedule; also while we hold it."""
    waiting, held = await claimed(store, connection), await claimed(store, connection)
    await settle(store, waiting, Defer(HOUR, spent=True))
    await connection.execute("update notification_jobs set status = 'cancelled'")
    assert (await verify(database, TABLE)).clean
    assert 0 == await purge(store, State.CANCELLED, timedelta(seconds=-1), 10)
    assert [2, 0] == [await note(store, 10), await note(store, 10)]
    assert 0 == await count(connection, "schedule")
    ages = await connection.fetch(
        "select extract(epoch from now() at time zone 'UTC' - processed_at) from notification_jobs"
    )
    assert all(-1 < age < 60 for (age,) in ages)
    await settle(store, held, Done())
    assert {"job cancelled": 2} == await counted(connection)
    assert (await verify(database, TABLE)).clean
    assert 2 == await purge(store, State.CANCELLED, timedelta(seconds=-1), 10)
    assert (await verify(database, TABLE)).clean


async def test_a_row_that_somebody_holds_is_noted_later(
    store: Store, connection: asyncpg.Connection, database: str
) -> None:
    """Taking note waits for no transaction of the booking system."""
    held, _ = await insert_job(connection), await insert_job(connection)
    await connection.execute("update notification_jobs set status = 'cancelled'")
    async with connected(database) as booking, booking.transaction():
        await booking.execute("update notification_jobs set client_id = 'x' where id = $1", held)
        with anyio.fail_after(AT_ONCE):
            assert 1 == await note(store, 10)
    assert 1 == await note(store, 10)
    assert {"job cancelled": 2} == await counted(connection)


async def test_the_totals(store: Store, connection: asyncpg.Connection) -> None:
    """A fold keeps, beside each hour, salon and type, the totals of the hours, of the salons, and of everything."""
    for salon, kind in (("a", "one"), ("a", "two"), ("b", "one")):
        await complete(store, await claimed(store, connection, salon_id=salon, type=kind))
    before = await connection.fetch(f"{COUNTED} order by 1")
    assert await count(connection, "tallies") == await fold(store, 100)
    assert before == await connection.fetch(f"{COUNTED} order by 1")
    assert 0 == await count(connection, "tallies")
    rows = await connection.fetch(
        "select case salon_key when $1 then 'all' when notifyd.job_key('a') then 'a' else 'b' end,"
        " hour = '-infinity', type, n from notifyd.rollups where channel = 'job' order by 1, 2, 3",
        ALL_SALONS,
    )
    assert [
        ("a", False, "", 2),
        ("a", False, "one", 1),
        ("a", False, "two", 1),
        ("a", True, "", 2),
        ("all", False, "", 3),
        ("all", True, "", 3),
        ("b", False, "", 1),
        ("b", False, "one", 1),
        ("b", True, "", 1),
    ] == [tuple(row) for row in rows]


async def test_folds_at_once(store: Store, connection: asyncpg.Connection, database: str) -> None:
    """Several daemons fold while others settle: nobody waits for long, and nothing is lost or counted twice."""
    for _ in range(300):
        await insert_job(connection)
    jobs = await take(store)
    settled = anyio.Event()

    async def settle_all(mine: list[Job]) -> None:
        for job in mine:
            await complete(store, job)

    async def fold_all() -> None:
        while not settled.is_set():
            await fold(store, 7)

    async with anyio.create_task_group() as folds:
        folds.start_soon(fold_all)
        folds.start_soon(fold_all)
        async with anyio.create_task_group() as settling:
            settling.start_soon(settle_all, jobs[::2])
            settling.start_soon(settle_all, jobs[1::2])
        settled.set()
    while await fold(store, 100):
        pass
    assert {"job completed": 300, "email sent": 300} == await counted(connection)
    assert (await verify(database, TABLE)).clean


async def test_a_fold_leaves_to_others_what_is_theirs(
    store: Store, connection: asyncpg.Connection, database: str
) -> None:
    """What another fold has in hand is not waited for where the rows it adds to are others."""
    await complete(store, await claimed(store, connection))
    async with connected(database) as other, other.transaction():
        await other.execute("select id from notifyd.tallies for update")
        with anyio.fail_after(AT_ONCE):
            assert 0 == await fold(store, 100)
        await complete(store, await claimed(store, connection))  # nor does settling wait
    assert 0 < await fold(store, 100)


@pytest.mark.parametrize("poison", ["", "x" * 10_000, "\u202e" * 100, "a\nb", "'; drop table x; --"])
async def test_strange_salons_and_types(
    store: Store, connection: asyncpg.Connection, database: str, poison: str
) -> None:
    """A salon's id or a type of any length and content is counted, and no key of ours bursts."""
    await complete(store, await claimed(store, connection, salon_id=poison, type=poison))
    while await fold(store, 100):
        pass
    (only,) = await connection.fetch("select distinct type from notifyd.counts")
    assert (poison[:64] or "(none)") == only["type"]
    assert (await verify(database, TABLE)).clean


@pytest.mark.parametrize("salon_id", ["", "salon-1", "\u00e9\U0001f600", "x" * 10_000])
async def test_the_key_of_a_salon(connection: asyncpg.Connection, salon_id: str) -> None:
    """A salon has one key, made here or by the database; that of no salon is the ledger's default."""
    made: UUID = await connection.fetchval("select notifyd.job_key($1)", salon_id)
    assert made.hex == salon_key(salon_id)
    default = await connection.fetchval(
        "select pg_get_expr(adbin, adrelid) from pg_attrdef join pg_attribute on adrelid = attrelid and adnum = attnum"
        " where adrelid = 'notifyd.deliveries'::regclass and attname = 'salon_key'"
    )
    assert salon_id or f"'{made}'::uuid" == default


async def test_no_change_no_tally(store: Store, connection: asyncpg.Connection) -> None:
    """A statement that changes nothing that is counted writes nothing down."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    await settle(store, job, Defer(HOUR, spent=True))
    await record(store, [])
    await note(store, 10)
    await purge(store, State.COMPLETED, timedelta(), 10)
    assert 0 == await count(connection, "tallies")


async def test_counts_are_of_utc_hours(kolkata_database: str) -> None:
    """On a server half an hour off, hours begin where UTC's do."""
    async with connected(kolkata_database) as connection, open_store(kolkata_database, TABLE, connections=1) as store:
        await complete(store, await claimed(store, connection))
        hours = await connection.fetch("select distinct hour from notifyd.counts")
    assert all(isinstance(hour, datetime) and (0, 0) == (hour.minute, hour.second) for (hour,) in hours)
