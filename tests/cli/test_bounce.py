"""`notifyd bounce` as an operator and a mail server run it: what it says, what it writes, and its exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from notifyd.model.job import Job
from notifyd.store.pool import Store
from store.steps import RECIPIENT, claimed, complete
from support.bounces import bounce
from support.command_line import Answer, CommandLine

CLOSED = "postgresql://notifyd:hunter2@127.0.0.1:1/bookings"
STRAY = "the ledger knows of no such e-mail to this recipient"
Pipe = Callable[..., Answer]


@pytest.fixture
async def job(store: Store, connection: asyncpg.Connection) -> Job:
    """Give a job whose e-mail was sent."""
    sent = await claimed(store, connection)
    await complete(store, sent)
    return sent


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    """Give `notifyd bounce` as a mail server runs it: a message on standard input, one pipe for all output."""

    def run(message: bytes, *arguments: str, database: str) -> Answer:
        result = subprocess.run(
            [sys.executable, "-W", "error", "-m", "notifyd", "bounce", *arguments],
            env={"PATH": os.environ["PATH"], "DATABASE_URL": database},
            cwd=tmp_path,
            input=message,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        return Answer(result.returncode, result.stdout.decode(), "")

    return run


async def told(connection: asyncpg.Connection) -> list[tuple[str | None, str | None]]:
    """Return what the ledger has heard of each delivery: state and code."""
    rows = await connection.fetch("select receipt, receipt_code from notifyd.deliveries")
    return [(row["receipt"], row["receipt_code"]) for row in rows]


async def test_piped_in(pipe: Pipe, database: str, connection: asyncpg.Connection, job: Job) -> None:
    """A bounce on standard input is written down; piped in again it is known; both are well, and tell no address."""
    message = bounce(job.key, RECIPIENT)
    first, second = pipe(message, database=database), pipe(message, database=database)
    words = f"job {job.id}: undelivered, 5.1.1 mailbox does not exist; not written to again\n"
    assert (0, f"-: written down: {words}") == (first.code, first.out)
    assert (0, f"-: known already: {words}") == (second.code, second.out)
    assert [("undelivered", "5.1.1")] == await told(connection)
    assert RECIPIENT == await connection.fetchval("select recipient from notifyd.suppressions")


async def test_files(
    notifyd: CommandLine, tmp_path: Path, database: str, connection: asyncpg.Connection, job: Job
) -> None:
    """Of several files each has its line, and one that is not ours makes the whole exit with 1."""
    messages = {
        "delayed": bounce(job.key, RECIPIENT, action="delayed", status="4.4.1"),
        "full": bounce(job.key, RECIPIENT, status="5.2.2"),
        "stray": bounce(job.key, "somebody@else.example"),
        "mail": b"Subject: hello\n\nHello",
    }
    for name, message in messages.items():
        (tmp_path / name).write_bytes(message)
    answer = notifyd("bounce", *messages, DATABASE_URL=database)
    assert [
        f"delayed: written down: job {job.id}: accepted",
        f"full: written down: job {job.id}: undelivered, 5.2.2 mailbox is full",
        f"stray: not ours: job key {job.key}: {STRAY}",
        "mail: not a bounce of ours: it is no delivery report",
    ] == answer.out.splitlines()
    assert (1, "") == (answer.code, answer.err)
    assert [("undelivered", "5.2.2")] == await told(connection)
    assert 0 == await connection.fetchval("select count(*) from notifyd.suppressions")
    assert 0 == notifyd("bounce", "delayed", "full", DATABASE_URL=database).code


async def test_an_odd_id(pipe: Pipe, database: str, store: Store, connection: asyncpg.Connection) -> None:
    """An id that could forge a line, or turn a terminal's head, is spelled out."""
    odd = await claimed(store, connection, id="x\r\n-: written down\x1b[2J")
    await complete(store, odd)
    answer = pipe(bounce(odd.key, RECIPIENT, action="delayed"), database=database)
    assert (0, r"-: written down: job 'x\r\n-: written down\x1b[2J': accepted" + "\n") == (answer.code, answer.out)


async def test_as_json(notifyd: CommandLine, tmp_path: Path, database: str, job: Job) -> None:
    """`--json` tells the same to scripts, and no address."""
    (tmp_path / "ours").write_bytes(bounce(job.key, RECIPIENT))
    (tmp_path / "mail").write_bytes(b"Hello")
    (tmp_path / "stray").write_bytes(bounce("0" * 32, RECIPIENT))
    answer = notifyd("bounce", "--json", "ours", "mail", "stray", DATABASE_URL=database)
    about = {"state": "undelivered", "code": "5.1.1", "reason": "5.1.1 mailbox does not exist", "suppressed": True}
    assert {
        "messages": [
            {"file": "ours", "result": "applied", "job": job.id, "job_key": job.key, **about},
            {"file": "mail", "result": None, "reason": "it is no delivery report"},
            {"file": "stray", "result": "stray", "job": None, "job_key": "0" * 32, "reason": STRAY},
        ]
    } == json.loads(answer.out)
    assert 1 == answer.code
    assert "@" not in answer.out


def test_no_bounce_needs_no_database(pipe: Pipe) -> None:
    """What is no bounce is told as such, whatever has become of the database."""
    answer = pipe(b"Subject: hello\n\nHello", database=CLOSED)
    assert (1, "-: not a bounce of ours: it is no delivery report\n") == (answer.code, answer.out)


def test_database_away(pipe: Pipe, notifyd: CommandLine, tmp_path: Path) -> None:
    """Without a database the exit code is 3, and a mail server reads a code first by which it keeps the message."""
    message = bounce("0" * 32, RECIPIENT)
    piped = pipe(message, database=CLOSED)
    first, *rest = piped.out.splitlines()
    assert (3, "4.3.0 ") == (piped.code, first[:6])
    assert ["notifyd: the database could not be reached: "] == [line[:44] for line in rest]
    (tmp_path / "bounce").write_bytes(message)
    by_hand = notifyd("bounce", "bounce", DATABASE_URL=CLOSED)
    assert (3, "") == (by_hand.code, by_hand.out)
    assert "hunter2" not in piped.out + by_hand.err


async def test_never_migrated(pipe: Pipe, empty_database: str) -> None:
    """A database without the table is told so; a mail server keeps the message."""
    answer = pipe(bounce("0" * 32, RECIPIENT), database=empty_database)
    assert (1, True) == (answer.code, answer.out.startswith("4.3.0 "))
    assert "run `notifyd migrate`" in answer.out


def test_wrong_configuration(pipe: Pipe) -> None:
    """A configuration that cannot be used exits with 2; a mail server keeps the message."""
    answer = pipe(bounce("0" * 32, RECIPIENT), database="")
    assert (2, True) == (answer.code, answer.out.startswith("4.3.0 "))


def test_no_such_file(notifyd: CommandLine) -> None:
    """A file that is not there is wrong usage."""
    answer = notifyd("bounce", "nowhere.eml", DATABASE_URL=CLOSED)
    assert (2, "") == (answer.code, answer.out)
    assert "nowhere.eml" in answer.err


def test_too_large(pipe: Pipe) -> None:
    """Of a message without end only the beginning is read."""
    answer = pipe(bounce("0" * 32, RECIPIENT) + b"x" * (10 << 20), database=CLOSED)
    assert (1, "-: not a bounce of ours: it is larger than 1 MiB\n") == (answer.code, answer.out)
