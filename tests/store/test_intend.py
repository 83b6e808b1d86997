"""The intent: committed before the wire, only under a lease, never for what is settled or suppressed."""

from datetime import timedelta

import asyncpg
import pytest

from notifyd.model.outcome import Paused, Permanent, Retryable, Sent, Suppress, Unknown
from notifyd.model.verdict import Defer
from notifyd.store.deliveries import Intent, Refused, Suppressed, intend
from notifyd.store.pool import Store
from notifyd.store.record import VerdictRecord, record
from store.steps import (
    EMAIL,
    SENDER,
    SMS,
    claimed,
    count,
    go_ahead,
    intent,
    ledger,
    let_expire,
    rescue_all,
    send,
    settle,
    take,
)
from support.jobs import insert_job

AGAIN = Defer(timedelta(), spent=True)


async def test_an_intent(store: Store, connection: asyncpg.Connection) -> None:
    """It stands in the ledger when the call returns, under the lease that wrote it, and can be repeated."""
    job = await claimed(store, connection)
    for _ in range(2):
        assert [None, None] == await intend(store, [intent(job), intent(job, SMS)])
    assert {"email": ("intended", None), "sms": ("intended", None)} == await ledger(connection, job)
    assert {job.lease_id} == {row[0] for row in await connection.fetch("select lease_id from notifyd.deliveries")}


async def test_no_lease_no_intent(store: Store, connection: asyncpg.Connection) -> None:
    """Whoever lost the lease writes nothing and is told so, in the middle of those who hold theirs."""
    settled, held, lost = [await claimed(store, connection) for _ in range(3)]
    await settle(store, settled, Defer(timedelta(hours=1), spent=True))
    await connection.execute("delete from notifyd.leases where job_id = $1", lost.id)
    grants = await intend(store, [intent(settled), intent(held), intent(lost)])
    assert [Refused.LEASE_LOST, None, Refused.LEASE_LOST] == grants
    assert 1 == await count(connection, "deliveries")


async def test_another_daemon_has_it(store: Store, connection: asyncpg.Connection) -> None:
    """After a rescue and a new claim the old lease is worth nothing, the new one everything."""
    stale = await claimed(store, connection)
    await let_expire(connection)
    await rescue_all(store)
    (fresh,) = await take(store, daemon="two")
    assert [Refused.LEASE_LOST, None] == await intend(store, [intent(stale), intent(fresh, SMS)])
    assert {"sms"} == (await ledger(connection, fresh)).keys()


@pytest.mark.parametrize("outcome", [Sent("250"), Permanent("no"), Suppress("gone")])
async def test_settled_is_never_intended_again(store: Store, connection: asyncpg.Connection, outcome: Sent) -> None:
    """A channel that was sent or given up is not sent again, whoever asks under whatever lease."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    await record(store, [send(job, outcome, recipient="other@example.com"), VerdictRecord(job, AGAIN)])
    before = await ledger(connection, job)
    (again,) = await take(store)
    assert [Refused.LEASE_LOST] == await intend(store, [intent(again)])
    assert before == await ledger(connection, job)


@pytest.mark.parametrize("outcome", [Retryable("busy"), Paused("down"), Unknown("cut off")])
async def test_unsettled_is_intended_again(store: Store, connection: asyncpg.Connection, outcome: Retryable) -> None:
    """A channel that may be tried again is, as a new intent without a trace of the old outcome."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    await record(store, [send(job, outcome), VerdictRecord(job, AGAIN)])
    (again,) = await take(store)
    await go_ahead(store, again)
    assert {"email": ("intended", None)} == await ledger(connection, job)
    assert again.lease_id == await connection.fetchval("select lease_id from notifyd.deliveries")


async def test_a_suppressed_recipient(store: Store, connection: asyncpg.Connection) -> None:
    """A suppression is found however the address is spelt, and settles the channel at once."""
    await connection.execute(
        "insert into notifyd.suppressions (channel, sender, recipient, reason)"
        " values ('email', $1, 'cl@ex.com', 'gone')",
        SENDER,
    )
    job = await claimed(store, connection)
    for _ in range(2):
        await connection.execute("delete from notifyd.deliveries")
        assert [Suppressed("gone")] == await intend(store, [intent(job, recipient="Cl@EX.com")])
    assert {"email": ("suppressed", "gone")} == await ledger(connection, job)


async def test_the_scope_of_a_suppression(store: Store, connection: asyncpg.Connection) -> None:
    """It holds for one channel, one sender and one recipient alone."""
    await connection.execute(
        "insert into notifyd.suppressions (channel, sender, recipient, reason) values ('email', $1, 'a@b.com', 'gone')",
        SENDER,
    )
    jobs = [await claimed(store, connection) for _ in range(4)]
    grants = await intend(
        store,
        [
            intent(jobs[0], SMS, recipient="a@b.com"),
            intent(jobs[1], sender="another@example.com", recipient="a@b.com"),
            intent(jobs[2], recipient="aa@b.com"),
            intent(jobs[3], recipient="a@b.com"),
        ],
    )
    assert [None, None, None, Suppressed("gone")] == grants


async def test_three_hundred_at_once(store: Store, connection: asyncpg.Connection) -> None:
    """Answers come in the order of the questions, whatever becomes of each."""
    await connection.execute(
        "insert into notifyd.suppressions (channel, sender, recipient, reason)"
        " values ('email', $1, 'stop@x.com', 'said stop')",
        SENDER,
    )
    for _ in range(300):
        await insert_job(connection)
    jobs = await take(store)
    await connection.execute("delete from notifyd.leases where lease_id % 3 = 0")
    asked = [intent(job, recipient="stop@x.com" if job.lease_id % 5 == 0 else "go@x.com") for job in jobs]
    assert [_expected(each) for each in asked] == await intend(store, asked)
    assert 200 == await count(connection, "deliveries")


def _expected(asked: Intent) -> Refused | Suppressed | None:
    if asked.job.lease_id % 3 == 0:
        return Refused.LEASE_LOST
    return Suppressed("said stop") if asked.job.lease_id % 5 == 0 else None


async def test_nothing_to_intend(store: Store) -> None:
    """An empty batch is no error."""
    assert [] == await intend(store, [])


async def test_both_channels_have_their_own_row(store: Store, connection: asyncpg.Connection) -> None:
    """What one channel came to does not keep the other from going ahead."""
    job = await claimed(store, connection)
    await go_ahead(store, job)
    await record(store, [send(job, Sent("250"))])
    await go_ahead(store, job, channel=SMS)
    assert {EMAIL.value: ("sent", None), SMS.value: ("intended", None)} == await ledger(connection, job)
