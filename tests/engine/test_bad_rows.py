"""Bad rows never crash the daemon, never delay another row, and end `failed` at once with a reason."""

import json

import pytest

from support.jobs import payload
from support.waiting import until
from support.world import World

NESTED = 100_000
POISON: dict[str, dict[str, object]] = {
    "no JSON": {"payload": "not json"},
    "empty": {"payload": ""},
    "null": {"payload": "null"},
    "an array": {"payload": "[]"},
    "deeply nested": {"payload": "[" * NESTED + "]" * NESTED},
    "a huge integer": {"payload": '{"clientName": ' + "9" * 5_000 + "}"},
    "an escaped NUL": {"payload": payload("email", clientName="\x00")},
    "a lone surrogate": {"payload": json.dumps(payload("email")).replace("Asha Rao", "\\ud800")},
    "unknown type": {"type": "no_such_type"},
    "a type that is a path": {"type": "../../../etc/passwd"},
    "no address": {"payload": payload(clientEmail=None, clientPhone=None)},
    "two addresses in one": {"payload": payload("email", clientEmail="a@example.com, b@example.com")},
    "malformed address": {"payload": payload("email", clientEmail="nobody")},
    "malformed number": {"payload": payload("sms", clientPhone="12")},
    "header injection": {"payload": payload("email", salonName="x\r\nBcc: evil@example.com")},
    "channels an object": {"payload": {"channels": {"email": True}, "data": payload()["data"]}},
    "undefined undefined": {"payload": payload(staffName="undefined undefined")},
    "unknown zone": {"payload": payload(salonTimezone="Mars/Olympus")},
    "unreadable start": {"payload": payload(startTime="Invalid Date")},
    "attempts near the limit": {"attempts": 2_147_483_647},
    "a payload of two megabytes": {"payload": json.dumps({"x": "y" * 2_000_000})},
}


async def test_every_bad_row_fails_at_once_and_the_good_ones_between_them_are_sent(world: World) -> None:
    """One table of all poison seen in the wild, good rows in between: each bad one is failed with its field named."""
    bad: dict[str, str] = {}
    good = []
    for name, columns in POISON.items():
        bad[name] = await world.insert(**columns)
        good.append(await world.insert("email"))
    with world.daemon() as daemon:
        for job in good:
            assert (await world.settled(job, timeout=60))["status"] == "completed", daemon.tail()
        for name, job in bad.items():
            row = await world.settled(job)
            assert "failed" == row["status"], name
            assert row["error"], name
            assert row["processed_at"], name
            assert not any(private in row["error"] for private in ("@", "\x00", "Asha")), name
        assert daemon.exit_code is None
        assert not daemon.events("job.bug")
        assert len(good) == len(world.mail.mails)


@pytest.mark.parametrize("identity", ["x\r\n<0>forged.event job=1", "a" * 10_000, "ключ-✂", "'; drop table x; --"])
async def test_any_id_will_do(world: World, identity: str) -> None:
    """An id with line breaks, of ten kilobytes, or of any letters: the job is sent, and no log line is forged."""
    with world.daemon() as daemon:
        await world.insert(id=identity)
        assert "completed" == (await world.settled(identity))["status"]
        assert not [line for line in daemon.log.read_text().splitlines() if line.startswith("<0>")]


async def test_an_id_that_just_fits_into_its_index(world: World) -> None:
    """2.6 kB of incompressible text as id: the booking system's index takes it, so ours must."""
    identity = await world.booking.fetchval(
        "select left(string_agg(md5(n::text || 'salt'), ''), 2600) from generate_series(1, 82) n"
    )
    with world.daemon():
        await world.insert(id=identity)
        assert "completed" == (await world.settled(identity))["status"]


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "4000-01-01 BC", "294275-01-01"])
async def test_any_created_at_will_do(world: World, moment: str) -> None:
    """Times that Python cannot hold: the row is sent like any other."""
    with world.daemon() as daemon:
        await daemon.wait_for_event("daemon.ready")
        await world.booking.execute(
            "insert into notification_jobs (id, salon_id, client_id, type, payload, created_at, updated_at)"
            f" values ('odd', 's', 'c', 'booking_confirmation', $1, '{moment}', '{moment}')",
            json.dumps(payload("email")),
        )
        assert "completed" == (await world.settled("odd"))["status"]


async def test_unknown_states_are_never_touched(world: World) -> None:
    """A typo in `status` is not guessed at: the row stays, others are sent."""
    typo = await world.insert(status="Pending")
    with world.daemon() as daemon:
        assert "completed" == (await world.settled(await world.insert()))["status"]
        await until(lambda: daemon.events("job.completed"), hint=daemon.tail)
        row = await world.row(typo)
        assert ("Pending", 0) == (row["status"], row["attempts"])
