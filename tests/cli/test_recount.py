"""`notifyd stats --verify` as an operator or a script runs it."""

import json

import pytest

from store.shapes import connected
from support.command_line import CommandLine
from support.jobs import insert_job


async def test_all_agrees(notifyd: CommandLine, database: str) -> None:
    """Where nothing differs it says so, and exits with 0."""
    answer = notifyd("stats", "--verify", DATABASE_URL=database)
    assert (0, "") == (answer.code, answer.err)
    assert answer.out.endswith(" UTC: every count agrees with the rows.\n")


async def test_what_differs_is_told_and_adopted(notifyd: CommandLine, database: str) -> None:
    """Rows that others have finished exit with 1, in words and as JSON, until they are adopted."""
    async with connected(database) as connection:
        for _ in range(3):
            await insert_job(connection, id=None, salon_id="rosa", status="failed")
    told = notifyd("stats", "--verify", DATABASE_URL=database)
    assert (1, "") == (told.code, told.err)
    assert "  job failed: 3 more than counted, finished by others: by hand," in told.out
    assert "  rosa  booking_confirmation  job failed: 3 there, 0 counted\n" in told.out
    assert "`notifyd stats --verify --adopt` counts it." in told.out

    adopted = notifyd("stats", "--verify", "--adopt", "--json", DATABASE_URL=database)
    assert 0 == adopted.code
    found = json.loads(adopted.out)
    assert (False, True, 0) == (found["clean"], found["adopted"], found["torn"])
    assert [{"channel": "job", "outcome": "failed", "places": 1, "more": 3, "fewer": 0}] == found["totals"]
    (one,) = found["largest"]
    assert ("rosa", 3, 0) == (one["salon"], one["found"], one["counted"])
    assert one["why"].startswith("finished by others")

    assert 0 == notifyd("stats", "--verify", DATABASE_URL=database).code
    assert 3 == json.loads(notifyd("stats", "--json", DATABASE_URL=database).out)["jobs"]["failed"]


async def test_without_a_migration(notifyd: CommandLine, empty_database: str) -> None:
    """A database that was never migrated is told so, with the cure."""
    answer = notifyd("stats", "--verify", DATABASE_URL=empty_database)
    assert (1, "") == (answer.code, answer.out)
    assert "run `notifyd migrate`" in answer.err


@pytest.mark.parametrize("options", [("--adopt",), ("--verify", "--salon", "x")])
def test_options_that_do_not_go_together(notifyd: CommandLine, options: tuple[str, ...]) -> None:
    """They are wrong usage, and say what to do."""
    answer = notifyd("stats", *options, DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert (2, "") == (answer.code, answer.out)
    assert "--verify" in answer.err


def test_no_database_there(notifyd: CommandLine) -> None:
    """A database that cannot be reached exits with 3."""
    assert 3 == notifyd("stats", "--verify", DATABASE_URL="postgresql://127.0.0.1:1/none").code
