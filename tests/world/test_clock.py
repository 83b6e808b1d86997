"""The wall clock of the daemon's machine is a day off, and jumps: it decides nothing, the database's does."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from notifyd.demo.mail_sink import Action, Drop, Stall
from notifyd.demo.twilio_stand_in import Reset
from support.clock import WallClock
from support.jobs import payload
from support.world import World

DAY = timedelta(days=1)
LEASE = 1.0
RETRY_BASE = 1.0


@pytest.mark.parametrize(("offset", "then"), [("+1d", "-1d"), ("-1d", "+1d")])
async def test_a_wrong_clock_changes_nothing(world: World, tmp_path: Path, offset: str, then: str) -> None:
    """Times to send, expiries, leases, backoff and the search for an SMS in doubt: all as if the clock were right."""
    clock = WallClock(tmp_path)
    clock.put_off(offset)
    world.mail.script = _Mishaps()
    world.twilio.script = lambda attempt: Reset(accept=True) if attempt.count == 1 else None
    with clock.rule(world.daemon(lease=LEASE, retry_base=RETRY_BASE, poll_interval=0.5)) as daemon:
        await daemon.wait_for_event("daemon.ready")
        now = await world.booking.fetchval("select now()")
        began = time.monotonic()
        slow, again = await _insert(world, "slow"), await _insert(world, "again")
        later = await _insert(world, "later", run_at=now + timedelta(seconds=2))
        gone = await _insert(world, "gone", expires_at=now - timedelta(seconds=1))
        soon = await _insert(world, "soon", expires_at=now + timedelta(hours=1))
        doubtful = await world.insert("sms")
        await daemon.wait_for_event("job.scheduled", job=again)
        clock.put_off(then)
        rows = {job: await world.settled(job) for job in (slow, again, later, gone, soon, doubtful)}
        assert ["completed"] * 3 + ["cancelled"] + ["completed"] * 2 == [row["status"] for row in rows.values()]
        assert [] == daemon.events("job.rescued")
        logged = [datetime.fromisoformat(event["time"]) for event in daemon.events()]
        assert DAY / 2 < abs(logged[0] - now) < DAY * 2, "the clock was not wrong"
        assert DAY < abs(logged[-1] - logged[0]), "the clock did not jump"
    assert (1, 2) == (rows[slow]["attempts"], rows[again]["attempts"])
    arrived = {mail.envelope_to[0].partition("@")[0]: mail.arrived - began for mail in world.mail.mails}
    assert {"slow", "again", "later", "soon"} == set(arrived)
    assert 4 == len(world.mail.mails)
    dates = [parsedate_to_datetime(mail.message["Date"]).replace(tzinfo=UTC) for mail in world.mail.mails]
    assert all(abs(date - now) < timedelta(minutes=5) for date in dates), "the readers see the true time"
    assert 2 * LEASE < arrived["slow"]
    assert RETRY_BASE / 2 < arrived["again"] < 15
    assert 1.5 < arrived["later"] < 15
    assert 1 == len(world.twilio.messages)


class _Mishaps:
    """The mail server is slow about one recipient, and hangs up on another one once."""

    def __init__(self) -> None:
        self._dropped = False

    def __call__(self, command: str, argument: str, _count: int) -> Action | None:
        if command == "rcpt" and "slow@" in argument:
            return Stall(2.5 * LEASE)
        if command == "rcpt" and "again@" in argument and not self._dropped:
            self._dropped = True
            return Drop()
        return None


async def _insert(world: World, name: str, **columns: datetime) -> str:
    return await world.insert(payload=payload("email", clientEmail=f"{name}@example.com"), **columns)
