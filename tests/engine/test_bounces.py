"""The watched directory: a bounce is written down once, and taken away then; nothing else is deleted."""

import os
from pathlib import Path

import anyio
import asyncpg

from engine.watching import EVERY, Heard, everything, look_twice, names, sent, told
from notifyd.demo.mail_sink import ReceivedMail
from notifyd.engine.bounces import AT_ONCE, _Watched, watch
from notifyd.store.deliveries import Suppressed, intend
from notifyd.store.pool import Store
from notifyd.vitals import Vitals
from store.steps import RECIPIENT, claimed, complete, intent
from support.bounces import bounce
from support.waiting import until
from support.world import World


async def test_a_bounce(directory: Path, store: Store, connection: asyncpg.Connection, heard: Heard) -> None:
    """Written down, counted, told, taken away; and this recipient is not written to again."""
    job, vitals = await sent(store, connection), Vitals(started_at=0.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, directory, store, vitals, EVERY)
        (directory / "1").write_bytes(bounce(job.key, RECIPIENT))
        await until(lambda: not names(directory))
        tasks.cancel_scope.cancel()
    assert ("undelivered", "5.1.1") == await told(connection, job)
    assert {("email", "applied"): 1} == vitals.receipts_total
    assert [
        (
            "bounce.received",
            {
                "job": job.id,
                "state": "undelivered",
                "code": "5.1.1",
                "reason": "5.1.1 mailbox does not exist",
                "what": "this address is not written to again",
            },
        )
    ] == heard
    later = await claimed(store, connection)
    assert [Suppressed("5.1.1 mailbox does not exist")] == await intend(store, [intent(later)])


async def test_a_file_that_is_being_written(
    watched: _Watched, directory: Path, store: Store, connection: asyncpg.Connection
) -> None:
    """What has changed since the last look, in size or in time, is left for the next one."""
    job = await sent(store, connection)
    message = bounce(job.key, RECIPIENT)
    with (directory / "1").open("wb", buffering=0) as file:
        for start in range(0, len(message), 1_000):
            file.write(message[start : start + 1_000])
            await watched.look()
        os.utime(directory / "1", ns=(0, 0))
        await watched.look()
        assert {"1"} == names(directory)
    await watched.look()
    assert set() == names(directory)
    assert ("undelivered", "5.1.1") == await told(connection, job)


async def test_what_is_not_ours_is_kept(
    watched: _Watched, directory: Path, store: Store, connection: asyncpg.Connection, heard: Heard
) -> None:
    """Other mail, and bounces of e-mails that the ledger does not know, are set aside, told once, and never deleted."""
    job = await sent(store, connection)
    strangers = [b"Hello", bounce("0" * 32, RECIPIENT), bounce(job.key, "somebody@else.example"), b"Hello again"]
    for message in strangers:
        (directory / "1").write_bytes(message)
        await look_twice(watched)
        await look_twice(watched)
    kept = ["unmatched/1", "unmatched/1.2", "unmatched/1.3", "unmatched/1.4"]
    assert strangers == [(directory / name).read_bytes() for name in kept]
    assert set(kept) == names(directory)
    assert kept == [fields["file"] for event, fields in heard if event == "bounce.unmatched"]
    assert len(kept) == len(heard)
    assert (None, None) == await told(connection, job)
    assert {("email", "stray"): 2} == watched.vitals.receipts_total


async def test_what_is_no_file_of_the_mail_server(watched: _Watched, directory: Path, heard: Heard) -> None:
    """Hidden files, directories, links and pipes are left alone."""
    (directory / ".hidden").write_bytes(b"x")
    (directory / "folder").mkdir()
    (directory / "folder" / "x").write_bytes(b"x")
    (directory / "link").symlink_to(directory / ".hidden")
    os.mkfifo(directory / "pipe")
    before = everything(directory)
    await look_twice(watched)
    await look_twice(watched)
    assert before == everything(directory)
    assert [] == heard


async def test_a_maildir(watched: _Watched, directory: Path, store: Store, connection: asyncpg.Connection) -> None:
    """In a Maildir what is in `new` is taken, and nothing else; what is not ours goes beside it."""
    job = await sent(store, connection)
    for folder in ("cur", "new", "tmp"):
        (directory / folder).mkdir()
        (directory / folder / "1767604447.M1P1.mail").write_bytes(bounce(job.key, RECIPIENT))
    (directory / "new" / "other").write_bytes(b"Hello")
    (directory / "beside").write_bytes(b"Hello")
    await look_twice(watched)
    assert {"cur/1767604447.M1P1.mail", "tmp/1767604447.M1P1.mail", "beside", "unmatched/other"} == names(directory)
    assert ("undelivered", "5.1.1") == await told(connection, job)


async def test_the_oldest_first(watched: _Watched, directory: Path, heard: Heard) -> None:
    """A backlog is taken in the order in which it came, and in portions."""
    for number in range(AT_ONCE + 10):
        path = directory / f"{-number % 7}-{number}"
        path.write_bytes(b"Hello")
        os.utime(path, (number, number))
    await look_twice(watched)
    await watched.look()
    order = [int(str(fields["file"]).partition("-")[2]) for _, fields in heard]
    assert list(range(AT_ONCE + 10)) == order


async def test_portions(watched: _Watched, directory: Path) -> None:
    """One look takes so many and no more."""
    for number in range(AT_ONCE + 10):
        (directory / str(number)).write_bytes(b"Hello")
    await look_twice(watched)
    assert AT_ONCE == len(names(directory / "unmatched"))


async def test_it_goes_forward_only(
    watched: _Watched, directory: Path, store: Store, connection: asyncpg.Connection
) -> None:
    """A bounce that was written down before (a crash before it was taken away, say), or says less, is taken away."""
    job = await sent(store, connection)
    for number, action in enumerate(["failed", "failed", "delayed"]):
        (directory / str(number)).write_bytes(bounce(job.key, RECIPIENT, action=action))
        await look_twice(watched)
    assert set() == names(directory)
    assert ("undelivered", "5.1.1") == await told(connection, job)
    assert {("email", "applied"): 1, ("email", "known"): 2} == watched.vitals.receipts_total


async def test_two_daemons(directory: Path, store: Store, connection: asyncpg.Connection, heard: Heard) -> None:
    """Two at one directory: bounces are written down, other files set aside and told of once; nothing goes wrong."""
    jobs = [await claimed(store, connection) for _ in range(20)]
    for job in jobs:
        await complete(store, job)
        (directory / f"bounce-{job.key}").write_bytes(bounce(job.key, RECIPIENT, status="5.2.2"))
        (directory / f"other-{job.key}").write_bytes(b"Hello")
    others = {f"unmatched/other-{job.key}" for job in jobs}

    def kept() -> set[str]:
        # who comes second holds a name for a moment, so that the first may have had to take the next one
        return {name.removesuffix(".2") for name in names(directory)}

    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(watch, directory, store, Vitals(started_at=0.0), EVERY)
        await until(lambda: kept() == others and len(names(directory)) == len(others), hint=lambda: names(directory))
        tasks.cancel_scope.cancel()
    assert {b"Hello"} == {(directory / name).read_bytes() for name in names(directory)}
    assert {("undelivered", "5.2.2")} == {await told(connection, job) for job in jobs}
    assert {"bounce.received", "bounce.unmatched"} == {event for event, _ in heard}
    warned = [fields["file"] for event, fields in heard if event == "bounce.unmatched"]
    assert sorted(names(directory)) == sorted(warned)


def report(mail: ReceivedMail) -> bytes:
    """Return what a mail server writes that took a mail, and then found that its recipient does not exist."""
    head = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
    fate = f"Final-Recipient: rfc822; {mail.envelope_to[0]}\nAction: failed\nStatus: 5.1.1\n".encode()
    parts = (
        b"--b\nContent-Type: message/delivery-status\n\n" + fate,
        b"--b\nContent-Type: message/rfc822\n\n" + mail.raw,
    )
    return head + b"\n".join(parts) + b"\n--b--\n"


async def test_a_daemon(world: World) -> None:
    """An e-mail that a daemon has sent comes back: it writes that down, and writes to this client no more."""
    inbox = world.directory / "bounces"
    inbox.mkdir()
    with world.daemon(bounce_dir=inbox) as daemon:
        first = await world.insert("email")
        assert "completed" == (await world.settled(first))["status"]
        (mail,) = world.mail.mails
        (inbox / "1").write_bytes(report(mail))
        await daemon.wait_for_event("bounce.received", timeout=30, state="undelivered", code="5.1.1")
        second = await world.insert("email")
        assert "failed" == (await world.settled(second))["status"]
        assert {"email": "suppressed"} == await world.ledger(second)
        assert 1 == len(world.mail.mails)
        await until(lambda: not names(inbox))
