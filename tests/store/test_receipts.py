"""What was heard of messages later: forward only, about the right send alone, and what follows from it."""

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from notifyd.model.job import Job
from notifyd.model.outcome import Permanent, Sent, Suppress, Unknown
from notifyd.model.receipt import Receipt, ReceiptState
from notifyd.model.verdict import Defer, Done
from notifyd.store.inquiries import Absent, Found, prove
from notifyd.store.pool import Store
from notifyd.store.receipts import Received, receive
from notifyd.store.record import VerdictRecord, record
from store.steps import EMAIL, SMS, claimed, go_ahead, ledger, let_expire, rescue_all, row, send, take

ACCEPTED, UNDELIVERED, DELIVERED = ReceiptState
APPLIED, RESENT, KNOWN, STRAY = Received


async def sent(store: Store, connection: asyncpg.Connection) -> Job:
    """Return a job whose SMS was sent, and which is completed."""
    job = await claimed(store, connection)
    await go_ahead(store, job, channel=SMS)
    await record(store, [send(job, Sent("SM1"), SMS), VerdictRecord(job, Done())])
    return job


async def twins_in_doubt(store: Store, connection: asyncpg.Connection) -> tuple[Job, Job]:
    """Return two jobs whose SMS, with the same text, were cut off, and which are pending again."""
    one, other = await claimed(store, connection), await claimed(store, connection)
    for job in (one, other):
        await go_ahead(store, job, channel=SMS)
        await record(store, [send(job, Unknown("cut"), SMS), VerdictRecord(job, Defer(timedelta(), spent=True))])
    return one, other


async def hear(store: Store, receipts: list[Receipt]) -> list[Received]:
    """Return what became of receipts; what is no stray names its job."""
    found = await receive(store, receipts)
    assert [one.result is STRAY for one in found] == [one.job_id is None for one in found]
    return [one.result for one in found]


def heard(job: Job, state: ReceiptState = DELIVERED, **more: object) -> Receipt:
    """Return a receipt about the job's SMS."""
    about = Receipt(key=job.key, channel=SMS, state=state, provider_id="SM1", lease_id=job.lease_id)
    return replace(about, **more)  # type: ignore[arg-type]  # fields of whatever type


async def told(connection: asyncpg.Connection, job: Job) -> tuple[str | None, str | None]:
    """Return what the ledger has heard: state and code."""
    found = await connection.fetchrow(
        "select receipt, receipt_code from notifyd.deliveries where job_key = $1", job.key
    )
    assert found is not None
    return found["receipt"], found["receipt_code"]


@pytest.mark.parametrize(
    ("states", "results", "last"),
    [
        ([ACCEPTED, DELIVERED], [APPLIED, APPLIED], DELIVERED),
        ([DELIVERED, ACCEPTED], [APPLIED, KNOWN], DELIVERED),
        ([DELIVERED, DELIVERED], [APPLIED, KNOWN], DELIVERED),
        ([UNDELIVERED, ACCEPTED], [APPLIED, KNOWN], UNDELIVERED),
        ([DELIVERED, UNDELIVERED], [APPLIED, KNOWN], DELIVERED),
        ([UNDELIVERED, DELIVERED], [APPLIED, APPLIED], DELIVERED),
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_forward_only(  # noqa: PLR0917 - a table
    store: Store,
    connection: asyncpg.Connection,
    states: list[ReceiptState],
    results: list[Received],
    last: ReceiptState,
    together: bool,
) -> None:
    """What says less than was heard before changes nothing, in one statement as in two."""
    job = await sent(store, connection)
    receipts = [heard(job, state) for state in states]
    batches = [receipts] if together else [[receipt] for receipt in receipts]
    assert results == [result for batch in batches for result in await hear(store, batch)]
    assert (last.value, None) == await told(connection, job)


async def test_about_another_send(store: Store, connection: asyncpg.Connection) -> None:
    """Another id, another lease, another recipient, another channel or no such job: nothing is written."""
    job = await sent(store, connection)
    strangers = [
        heard(job, provider_id="SM2"),
        heard(job, lease_id=job.lease_id + 1),
        heard(job, recipient="somebody@else.example"),
        heard(job, channel=EMAIL),
        heard(job, key="0" * 32),
    ]
    assert [STRAY] * len(strangers) == await hear(store, strangers)
    assert (None, None) == await told(connection, job)
    assert [APPLIED] == await hear(store, [heard(job, recipient="Client@Example.com")])


async def test_it_clears_a_doubt(store: Store, connection: asyncpg.Connection) -> None:
    """A receipt for a message in doubt proves that it was accepted: it is not sent again."""
    job = await claimed(store, connection)
    await go_ahead(store, job, channel=SMS)
    await record(store, [send(job, Unknown("cut"), SMS)])
    assert [APPLIED] == await hear(store, [heard(job, ACCEPTED)])
    assert {"sms": ("sent", None)} == await ledger(connection, job)


async def test_a_message_that_counts_for_another_delivery(store: Store, connection: asyncpg.Connection) -> None:
    """Two jobs with one text in doubt, and one message: by whatever ways it is heard of, it proves one of them."""
    lost, accepted = await twins_in_doubt(store, connection)
    (again,) = [job for job in await take(store) if job.id == lost.id]
    assert Found("SM1", 0) == await prove(store, again, SMS, ["SM1"], grace_passed=False)
    assert [KNOWN] == await hear(store, [heard(accepted)])
    assert ("sent", "unknown") == tuple([(await ledger(connection, job))["sms"][0] for job in (lost, accepted)])


async def test_a_receipt_proves_like_an_inquiry(store: Store, connection: asyncpg.Connection) -> None:
    """The other way round: what a receipt has proved is no proof for an inquiry about a message with the same text."""
    lost, accepted = await twins_in_doubt(store, connection)
    assert [APPLIED] == await hear(store, [heard(accepted)])
    (again,) = [job for job in await take(store) if job.id == lost.id]
    assert isinstance(await prove(store, again, SMS, ["SM1"], grace_passed=True), Absent)


async def test_it_comes_before_the_outcome(store: Store, connection: asyncpg.Connection) -> None:
    """A receipt that overtakes the answer is kept; the outcome follows, and without it a crash leaves no doubt."""
    for crashed in (False, True):
        job = await claimed(store, connection)
        await go_ahead(store, job, channel=SMS)
        assert [APPLIED] == await hear(store, [heard(job, ACCEPTED)])
        assert {"sms": ("intended", None)} == await ledger(connection, job)
        if crashed:
            await let_expire(connection)
            assert [()] == [rescued.unknown for rescued in await rescue_all(store)]
        else:
            await record(store, [send(job, Sent("SM1"), SMS), VerdictRecord(job, Done())])
        assert {"sms": ("sent", None)} == await ledger(connection, job)
        assert ("accepted", None) == await told(connection, job)


@pytest.mark.parametrize("outcome", [Permanent("no"), Suppress("stop")])
async def test_what_was_given_up_stays_so(
    store: Store, connection: asyncpg.Connection, outcome: Permanent | Suppress
) -> None:
    """A delivery that was refused has no message that anything could be heard of."""
    job = await claimed(store, connection)
    await go_ahead(store, job, channel=SMS)
    await record(store, [send(job, outcome, SMS)])
    before = await ledger(connection, job)
    assert [STRAY] == await hear(store, [heard(job)])
    assert before == await ledger(connection, job)


async def test_not_delivered(store: Store, connection: asyncpg.Connection) -> None:
    """The ledger and the row say that it did not arrive and why; the recipient is suppressed where it must be."""
    job = await sent(store, connection)
    lost = heard(job, UNDELIVERED, code="30006", reason="30006 landline", suppress=True)
    assert [APPLIED, KNOWN] == [*await hear(store, [lost]), *await hear(store, [lost])]
    assert ("undelivered", "30006") == await told(connection, job)
    found = await row(connection, job)
    assert ("completed", "sms: not delivered: 30006 landline") == (found["status"], found["error"])
    (suppression,) = await connection.fetch("select channel, sender, recipient, reason from notifyd.suppressions")
    assert ("sms", "salon@example.com", "client@example.com", "30006 landline") == tuple(suppression)


async def test_sent_once_more(store: Store, connection: asyncpg.Connection) -> None:
    """Where the provider says that it may work later, it is sent again, so many times and no more."""
    job = await sent(store, connection)
    for _ in range(2):
        lost = heard(job, UNDELIVERED, code="30003", reason="30003 unreachable", retry_after=900, resends=2)
        assert [RESENT] == await hear(store, [lost])
        assert [STRAY] == await hear(store, [heard(job)]), "about a send that is over"
        found = await row(connection, job)
        assert ("scheduled", 1) == (found["status"], found["attempts"])
        (due,) = await connection.fetch("select due_at - now() as left, waits_for from notifyd.schedule")
        assert 890 < due["left"].total_seconds() <= 900
        await connection.execute("delete from notifyd.schedule")
        await connection.execute("update notification_jobs set status = 'pending'")
        (job,) = await take(store)
        await go_ahead(store, job, channel=SMS)
        await record(store, [send(job, Sent("SM1"), SMS), VerdictRecord(job, Done())])
        await connection.execute("update notification_jobs set attempts = 1")
    lost = heard(job, UNDELIVERED, code="30003", reason="30003 unreachable", retry_after=900, resends=2)
    assert [APPLIED] == await hear(store, [lost])
    assert ("completed", ("undelivered", "30003")) == (
        (await row(connection, job))["status"],
        await told(connection, job),
    )


async def test_a_job_without_attempts_left_is_sent_once_more_all_the_same(
    store: Store, connection: asyncpg.Connection
) -> None:
    """The message did not fail by our doing: its resend needs an attempt, and is given one."""
    job = await claimed(store, connection, max_attempts=1)
    await go_ahead(store, job, channel=SMS)
    await record(store, [send(job, Sent("SM1"), SMS), VerdictRecord(job, Done())])
    assert [RESENT] == await hear(store, [heard(job, UNDELIVERED, reason="later", retry_after=1, resends=1)])
    assert 0 == (await row(connection, job))["attempts"]


async def test_a_cancelled_job_is_not_sent_once_more(store: Store, connection: asyncpg.Connection) -> None:
    """What the booking system has called off meanwhile stays called off."""
    job = await sent(store, connection)
    await connection.execute("update notification_jobs set status = 'cancelled'")
    assert [APPLIED] == await hear(store, [heard(job, UNDELIVERED, reason="later", retry_after=1, resends=1)])
    assert "cancelled" == (await row(connection, job))["status"]
