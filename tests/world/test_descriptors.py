"""No file descriptor is left: nothing can be opened, neither a connection to a provider nor one to the database."""

import asyncio
import resource
import time
from pathlib import Path

import psutil
import pytest

from support.daemon import DaemonProcess
from support.waiting import until
from support.world import World

JOBS = 60
FEWEST = 3  # descriptors; what is open stays open, and nothing can be opened, whatever is closed


async def test_no_descriptors_are_left(world: World) -> None:
    """Providers and the database cannot be reached: it says why, idles, and sends each message once afterwards."""
    with world.daemon(poll_interval=0.5) as daemon:
        assert "completed" == (await world.settled(await world.insert()))["status"]
        usual = _limit(daemon, FEWEST)
        world.mail.cut_connections()
        await world.insert_many(JOBS)
        await daemon.wait_for_event("channel.paused", channel="email")
        await daemon.wait_for_event("channel.paused", channel="sms")
        await world.booking.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'notifyd'")
        await until(lambda: _said(daemon, "database.away", "Too many open files"), hint=daemon.tail)
        _limit(daemon, _lowest_free(daemon))
        assert await _share_of_a_core(daemon) < 0.3
        _limit(daemon, usual)
        assert {"completed": JOBS + 1} == await world.all_settled(60)
        assert [] == daemon.events("job.bug")
    assert JOBS + 1 == len({mail.message_id for mail in world.mail.mails}) == len(world.mail.mails)
    assert JOBS + 1 == len({sms.to for sms in world.twilio.messages}) == len(world.twilio.messages)
    assert 1 == await world.booking.fetchval("select max(attempts) from notification_jobs")


@pytest.mark.parametrize("known", [True, False])
async def test_no_descriptors_are_left_for_files(world: World, known: bool) -> None:
    """Templates, zones and tables of numbers are read when they are first needed: such jobs are put off, unspent."""
    with world.daemon(poll_interval=0.5) as daemon:
        await daemon.wait_for_event("listen.ready")
        if known:  # all but the templates
            assert "completed" == (await world.settled(await world.insert(type="reminder_2h")))["status"]
        usual = _limit(daemon, FEWEST)
        await world.insert_many(JOBS)
        await daemon.wait_for_event("job.scheduled", type="booking_confirmation")
        _limit(daemon, usual)
        assert {"completed": JOBS + known} == await world.all_settled(60)
    assert (JOBS + known, JOBS + known) == (len(world.mail.mails), len(world.twilio.messages))
    assert 1 == await world.booking.fetchval("select max(attempts) from notification_jobs")


def _limit(daemon: DaemonProcess, descriptors: int) -> int:
    """Let it have so many descriptors. Returns how many it could have before."""
    before, most = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (descriptors, most))
    return before


def _lowest_free(daemon: DaemonProcess) -> int:
    taken = {int(name.name) for name in Path(f"/proc/{daemon.pid}/fd").iterdir()}
    return min(set(range(len(taken) + 1)) - taken)


def _said(daemon: DaemonProcess, event: str, words: str) -> bool:
    return any(words in seen["reason"] for seen in daemon.events(event))


async def _share_of_a_core(daemon: DaemonProcess) -> float:
    """Return how busy it is for two seconds in which somebody wants to connect to it."""
    port = (await daemon.wait_for_event("web.listening"))["port"]
    _, writer = await asyncio.open_connection("127.0.0.1", port)  # the kernel takes it
    began, before = time.monotonic(), _processor_seconds(daemon)
    await until(lambda: time.monotonic() - began > 2)
    writer.transport.abort()
    return (_processor_seconds(daemon) - before) / (time.monotonic() - began)


def _processor_seconds(daemon: DaemonProcess) -> float:
    spent = psutil.Process(daemon.pid).cpu_times()
    return float(spent.user + spent.system)
