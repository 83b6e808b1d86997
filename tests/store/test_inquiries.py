"""What the provider said about a message in doubt: proved once, by an id that nothing else has, under the lease."""

from datetime import timedelta

import anyio
import asyncpg
import pytest

from notifyd.model.job import Job
from notifyd.model.outcome import Outcome, Sent, Unknown
from notifyd.model.verdict import Defer
from notifyd.store.inquiries import Absent, Answer, Found, Undecided, prove
from notifyd.store.pool import Store
from notifyd.store.record import VerdictRecord, record
from store.steps import SMS, claimed, go_ahead, ledger, let_expire, rescue_all, send, settle, take

LATER = Defer(timedelta(), spent=True)
ABSENT = Absent("the provider does not have it")


async def cut_off(store: Store, connection: asyncpg.Connection, outcome: Outcome | None = None) -> Job:
    """Return a job that was claimed again after its SMS was cut off; all of them have the same text and recipient."""
    job = await claimed(store, connection)
    await go_ahead(store, job, channel=SMS)
    await record(store, [send(job, outcome or Unknown("cut"), SMS), VerdictRecord(job, LATER)])
    return await again(store, job)


async def again(store: Store, job: Job) -> Job:
    """Claim a job that is pending once more."""
    (taken,) = [found for found in await take(store) if found.id == job.id]
    return taken


async def ask(store: Store, job: Job, *listed: str, grace_passed: bool = True) -> Answer:
    """Write down what the provider's list has."""
    return await prove(store, job, SMS, listed, grace_passed=grace_passed)


async def test_found(store: Store, connection: asyncpg.Connection) -> None:
    """A message in the list settles the delivery as sent, with its id; a repetition, its answer lost, says the same."""
    job = await cut_off(store, connection)
    assert Found("SM1", 1) == await ask(store, job, "SM1", grace_passed=False)
    assert {"sms": ("sent", None)} == await ledger(connection, job)
    assert "SM1" == await connection.fetchval("select provider_id from notifyd.deliveries")
    assert Found("SM1", 1) == await ask(store, job, "SM1")


async def test_not_there(store: Store, connection: asyncpg.Connection) -> None:
    """Nothing in the list means nothing before the grace has passed, and afterwards that it may be sent."""
    job = await cut_off(store, connection)
    assert Undecided.NOT_YET is await ask(store, job, grace_passed=False)
    assert {"sms": ("unknown", "cut")} == await ledger(connection, job)
    assert [ABSENT, ABSENT] == [await ask(store, job), await ask(store, job)]
    assert {"sms": ("retrying", ABSENT.reason)} == await ledger(connection, job)
    await go_ahead(store, job, channel=SMS)


async def test_more_than_one(store: Store, connection: asyncpg.Connection) -> None:
    """Two messages for one delivery: sent, by the first of them, and the answer tells of the copy."""
    job = await cut_off(store, connection)
    assert Found("SM1", 2) == await ask(store, job, "SM1", "SM2")


async def test_another_ones_message_is_no_proof(store: Store, connection: asyncpg.Connection) -> None:
    """A message that another delivery is known by, however alike, proves nothing."""
    other = await claimed(store, connection)
    await go_ahead(store, other, channel=SMS)
    await record(store, [send(other, Sent("SM1"), SMS)])
    job = await cut_off(store, connection)
    assert ABSENT == await ask(store, job, "SM1")


async def test_twins_in_doubt_take_one_each(store: Store, connection: asyncpg.Connection) -> None:
    """Two jobs with the same text in doubt and one message: it proves one of them, and the other may be sent."""
    first, second = await cut_off(store, connection), await cut_off(store, connection)
    assert Found("SM1", 0) == await ask(store, first, "SM1")
    assert ABSENT == await ask(store, second, "SM1")


async def test_twins_with_two_messages(store: Store, connection: asyncpg.Connection) -> None:
    """Two jobs with the same text in doubt and two messages: one each, and none of them counts as a copy."""
    first, second = await cut_off(store, connection), await cut_off(store, connection)
    assert Found("SM1", 1) == await ask(store, first, "SM1", "SM2")
    assert Found("SM2", 1) == await ask(store, second, "SM1", "SM2")


async def test_a_repetition_counts_the_same_copies(store: Store, connection: asyncpg.Connection) -> None:
    """The answer to an inquiry whose first answer was lost does not take a twin's message for a copy."""
    first, _ = await cut_off(store, connection), await cut_off(store, connection)
    assert [Found("SM1", 1)] * 2 == [await ask(store, first, "SM1", "SM2") for _ in range(2)]


async def test_a_twin_under_way_is_waited_for(store: Store, connection: asyncpg.Connection) -> None:
    """While a message with the same text is being handed over, what shows in the list may be that one."""
    job = await cut_off(store, connection)
    other = await claimed(store, connection)
    await go_ahead(store, other, channel=SMS)
    assert Undecided.NOT_YET is await ask(store, job, "SM1")
    await record(store, [send(other, Sent("SM1"), SMS)])
    assert ABSENT == await ask(store, job, "SM1")


async def test_at_the_same_moment(store: Store, connection: asyncpg.Connection) -> None:
    """Any number of daemons ask for alike messages at once: every id proves one delivery, whoever comes first."""
    jobs = [await cut_off(store, connection) for _ in range(8)]
    answers: list[Answer] = []

    async def one(job: Job) -> None:
        answers.append(await ask(store, job, "SM1", "SM2", grace_passed=False))

    async with anyio.create_task_group() as daemons:
        for job in jobs:
            daemons.start_soon(one, job)
    found = [answer.provider_id for answer in answers if isinstance(answer, Found)]
    assert len(set(found)) == len(found) > 0
    assert {"SM1", "SM2"} >= set(found)
    assert len(found) == await connection.fetchval("select count(*) from notifyd.deliveries where state = 'sent'")


async def test_who_lost_the_lease_writes_nothing(store: Store, connection: asyncpg.Connection) -> None:
    """An inquiry that comes back after a rescue changes no row, whatever it found."""
    stale = await cut_off(store, connection)
    await let_expire(connection)
    await rescue_all(store)
    fresh = await again(store, stale)
    before = await connection.fetch("select * from notifyd.deliveries")
    assert Undecided.LEASE_LOST is await ask(store, stale, "SM1")
    assert Undecided.LEASE_LOST is await ask(store, stale)
    assert before == await connection.fetch("select * from notifyd.deliveries")
    assert Found("SM1", 1) == await ask(store, fresh, "SM1")


@pytest.mark.parametrize("outcome", [Sent("SM0"), None])
async def test_what_is_not_in_doubt_is_left_alone(
    store: Store, connection: asyncpg.Connection, outcome: Outcome | None
) -> None:
    """A delivery that was sent, or that this very attempt is about to send, is not touched."""
    job = await claimed(store, connection)
    await go_ahead(store, job, channel=SMS)
    if outcome is not None:
        await record(store, [send(job, outcome, SMS)])
    assert Undecided.LEASE_LOST is await ask(store, job, "SM1")


async def test_an_old_intent_is_in_doubt(store: Store, connection: asyncpg.Connection) -> None:
    """An intent that an ended lease left behind is asked for like an outcome that is unknown."""
    job = await claimed(store, connection)
    await go_ahead(store, job, channel=SMS)
    await settle(store, job, LATER)
    assert Found("SM1", 1) == await ask(store, await again(store, job), "SM1")
