"""The SQL of docs/operations.md does what the page says, word for word as it stands there."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncpg
import pytest

from docs.pages import Block, blocks, sql
from notifyd.demo.twilio_stand_in import Attempt, Refuse
from notifyd.store.listen import CHANGES
from notifyd.store.migrate import migrate
from store.shapes import PRISMA, catalogue
from support.databases import Databases
from support.jobs import insert_job, payload
from support.waiting import until
from support.world import World, daemon_dsn, open_world

PAGE = "docs/operations.md"

IN_DOUBT = Refuse(500)
STOPPED = Refuse(400, 21610, "Attempt to send to unsubscribed recipient")
WRONG_SENDER = Refuse(400, 21606, "The 'From' phone number is not valid")


@pytest.fixture
async def adopted(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    """Give the owner's connection to a database with an adopted table on a server far from UTC."""
    dsn = await databases.create(migrated=False, timezone="Asia/Kolkata")
    connection = await asyncpg.connect(dsn)
    await connection.execute(PRISMA)
    await migrate(dsn)
    await daemon_dsn(databases.cluster, dsn)
    yield connection
    await connection.close()
    await databases.drop(dsn)


async def test_every_block_runs(adopted: asyncpg.Connection) -> None:
    """PostgreSQL takes every block of the page, in its order; what forgets the schema comes last."""

    def leaves(block: Block) -> bool:
        return "drop schema" in block.text

    await adopted.execute("create table payments (salon_id uuid)")
    for block in sorted(blocks(PAGE, "sql"), key=leaves):
        await adopted.execute(block.text)


async def test_dashboards_are_told(adopted: asyncpg.Connection) -> None:
    """The line, and the trigger that writes it, name the salon to whoever listens."""
    heard: list[object] = []
    await adopted.execute("create table payments (salon_id uuid)")
    await adopted.add_listener(CHANGES, lambda *told: heard.append(told[-1]))
    line, trigger = sql(PAGE, "Dashboards and their cache")
    await adopted.execute(line)
    await adopted.execute(trigger)
    salon = await adopted.fetchval("insert into payments values (gen_random_uuid()) returning salon_id")
    await until(lambda: heard == ["SALON-ID", str(salon)])


async def test_commands_and_sql_are_all_there_is() -> None:
    """No block is of a kind that nothing here looks at."""
    assert {"sh", "sql"} == {block.language for block in blocks(PAGE)}


def answering(answers: Mapping[str, Refuse], world: World) -> None:
    """Let Twilio answer by number."""

    def script(attempt: Attempt) -> Refuse | None:
        return answers.get(attempt.to)

    world.twilio.script = script


async def run(world: World, heading: str, number: int, job: str = "") -> None:
    """Run one block of the page, as the owner."""
    await world.booking.execute(sql(PAGE, heading, job=job)[number])


async def becomes(world: World, job: str, status: str) -> str | None:
    """Wait for a job's state, and return its error."""

    async def there() -> bool:
        return bool(status == (await world.row(job))["status"])

    await until(there, 20, hint=f"{job} is not {status}")
    row = await world.row(job)
    assert (row["processed_at"] is not None) == (status in {"completed", "failed", "cancelled"})
    return str(row["error"]) if row["error"] else None


async def test_held_jobs(world: World) -> None:
    """Each of the three decisions ends as the page says, and sends what it says and no more."""
    numbers = [f"+1415555010{number}" for number in range(4)]
    answering(dict.fromkeys(numbers, IN_DOUBT), world)
    gone = "rcpt", "550 5.1.1 no such mailbox"
    world.mail.script = lambda command, argument, _: gone[1] if command == gone[0] and "gone" in argument else None
    with world.daemon(poll_interval=0.2, unknown_sms="park"):
        arrived = await world.insert(payload=payload(clientPhone=numbers[0], clientEmail="gone@example.com"))
        lost = await world.insert(payload=payload(clientPhone=numbers[1]))
        over = await world.insert(payload=payload(clientPhone=numbers[2]))
        alone = await world.insert(payload=payload("sms", clientPhone=numbers[3]))
        for job in (arrived, lost, over, alone):
            await becomes(world, job, "held")
        listed = await world.booking.fetch(sql(PAGE, "Held jobs")[0])
        assert {arrived, lost, over, alone} == {row["id"] for row in listed}
        answering({}, world)

        await run(world, "Held jobs", 1, arrived)
        error = await becomes(world, arrived, "completed")
        assert error is not None
        assert error.startswith("email: 550 5.1.1")
        assert {"email": "suppressed", "sms": "sent"} == await world.ledger(arrived)

        await run(world, "Held jobs", 2, lost)
        assert await becomes(world, lost, "completed") is None
        assert [numbers[1]] == [sms.to for sms in world.twilio.messages]
        assert 2 == len(world.mail.mails), "the e-mails of lost and over, none of them again"

        await run(world, "Held jobs", 3, over)
        await run(world, "Held jobs", 3, alone)
        assert "sms: given up by an operator" == await becomes(world, over, "completed")
        assert "sms: given up by an operator" == await becomes(world, alone, "failed")
    assert 5 == world.twilio.posts


async def test_requeueing_and_lifting(world: World) -> None:
    """A requeued job sends what failed and no more, once ledger and suppression let it, and not before."""
    stopped, wrong = "+4915112345678", "+14155550109"
    answering({stopped: STOPPED, wrong: WRONG_SENDER}, world)
    requeue, lift = "Requeueing failed jobs", "Lifting a suppression"
    with world.daemon(poll_interval=0.2):
        partly = await world.insert(payload=payload(clientPhone=stopped))
        failed = await world.insert(payload=payload("sms", clientPhone=wrong))
        assert "STOP" in str(await becomes(world, partly, "completed"))
        assert "sender" in str(await becomes(world, failed, "failed"))
        answering({}, world)

        await run(world, requeue, 0, partly)
        assert "STOP" in str(await becomes(world, partly, "completed")), "it is suppressed still"
        assert [stopped] == [row["recipient"] for row in await world.booking.fetch(sql(PAGE, lift)[0])]
        await run(world, lift, 1)
        await run(world, requeue, 0, partly)
        await until(lambda: world.twilio.messages)
        assert await becomes(world, partly, "completed") is None

        posts = world.twilio.posts  # what the page warns of: the status alone brings nothing
        await world.booking.execute(
            "update notification_jobs set status = 'pending', attempts = 0 where id = $1", failed
        )
        await becomes(world, failed, "failed")
        assert posts == world.twilio.posts
        await run(world, requeue, 1)
        assert await becomes(world, failed, "completed") is None
    assert [stopped, wrong] == [sms.to for sms in world.twilio.messages]
    assert 1 == len(world.mail.mails)


async def test_going_back_and_leaving(databases: Databases, tmp_path: Path) -> None:
    """The other worker gets what waits with nothing sent and due; leaving gives back the table as it was."""
    dsn = await databases.create(migrated=False)
    owner = await asyncpg.connect(dsn)
    await owner.execute(PRISMA)
    await owner.execute("grant select on notification_jobs to current_user")  # spells the owner's rights out
    before = await catalogue(owner)
    await migrate(dsn)
    async with open_world(databases.cluster, dsn, tmp_path) as world:
        busy = Refuse(429, 20429, "Too Many Requests", retry_after="600")
        world.twilio.script = lambda _: busy
        with world.daemon() as daemon:
            partly, waiting = await world.insert(), await world.insert("sms")
            later = await world.insert(payload=payload() | {"sendAt": "2098-01-01T00:00:00Z"})
            for job in (partly, waiting, later):
                await becomes(world, job, "scheduled")
            assert 0 == await daemon.terminate()
        (back,) = sql(PAGE, "Going back")[:1]
        await owner.execute(back)
        assert "handed back: not every channel was sent" == await becomes(world, partly, "completed")
        assert [waiting] == await theirs(owner)
        await becomes(world, later, "scheduled")
        await owner.execute("update notifyd.schedule set due_at = now()")
        await owner.execute(back)
        assert {waiting, later} == set(await theirs(owner))
        assert 0 == await owner.fetchval("select count(*) from notifyd.schedule")
        await owner.execute(sql(PAGE, "Going back")[1])
        assert before == await catalogue(owner)
    await owner.close()
    await databases.drop(dsn)


async def theirs(owner: asyncpg.Connection) -> list[str]:
    """Return what the original worker would take."""
    taken = await owner.fetch("select id from notification_jobs where status = 'pending' and attempts < max_attempts")
    return [row["id"] for row in taken]


async def states(connection: asyncpg.Connection) -> dict[str, str]:
    """Return the state of each job by its client."""
    rows = await connection.fetch("select client_id, status from notification_jobs")
    return {row["client_id"]: row["status"] for row in rows}


async def test_calling_off_at_adoption(adopted: asyncpg.Connection) -> None:
    """Old rows are cancelled, those of the last hours are left, also on a server far from UTC."""
    for client, age in {"old": "25 hours", "new": "23 hours"}.items():
        made = await adopted.fetchval("select now() at time zone 'UTC' - $1::text::interval", age)
        await insert_job(adopted, client_id=client, created_at=made)
    listing, cancelling = sql(PAGE, "Adopting a table that another worker served")
    assert 2 == (await adopted.fetch(listing))[0]["count"]
    await adopted.execute(cancelling)
    assert {"old": "cancelled", "new": "pending"} == await states(adopted)
    assert await adopted.fetchval(
        "select abs(extract(epoch from now() at time zone 'UTC' - max(processed_at))) < 60 from notification_jobs"
    )


async def test_calling_off_what_waits(adopted: asyncpg.Connection) -> None:
    """One salon's waiting jobs end; others, and what is finished, stay."""
    await insert_job(adopted, client_id="waits", salon_id="SALON-ID", status="scheduled")
    await insert_job(adopted, client_id="sent", salon_id="SALON-ID", status="completed")
    await insert_job(adopted, client_id="other")
    await adopted.execute(sql(PAGE, "Calling off what waits")[0])
    assert {"waits": "cancelled", "sent": "completed", "other": "pending"} == await states(adopted)


async def test_holding_after_a_restore(adopted: asyncpg.Connection) -> None:
    """Everything open is held; what is chosen goes on; jobs held for another reason stay."""
    for status in ("pending", "scheduled", "processing", "completed", "held"):
        await insert_job(adopted, client_id=status, status=status, type="reminder_2h", error=status)
    hold, release = sql(PAGE, "Backups and failover")
    await adopted.execute(hold)
    opened = dict.fromkeys(("pending", "scheduled", "processing"), "held")
    assert {**opened, "completed": "completed", "held": "held"} == await states(adopted)
    await adopted.execute(release)
    assert {**dict.fromkeys(opened, "pending"), "completed": "completed", "held": "held"} == await states(adopted)
