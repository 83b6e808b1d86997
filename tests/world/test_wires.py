"""The network harms what goes over it: in front of the database, of the mail server, of Twilio.

Whatever the harm: no job is lost, no SMS is sent twice, and an e-mail only where the ledger said that nobody knew.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Literal, get_args

import pytest

from support.databases import Databases
from support.history import doubted_mails, keep_history
from support.proxy import Proxy
from support.waiting import until
from support.world import World

Wire = Literal["postgres", "smtp", "twilio"]
Wires = Mapping[Wire, Proxy]

JOBS = 150
STALLED_SECONDS = 3.0  # longer than a provider's time limit below
CUTS = (2_000, 250, 90, 1)  # bytes: within a message or a statement, a handshake, a command, and at once


@pytest.fixture
async def wires(world: World, databases: Databases) -> AsyncIterator[Wires]:
    """Give a proxy in front of each party; the world's DSN leads through the first one already."""
    port = databases.cluster.port
    ports: dict[Wire, int] = {"postgres": port, "smtp": world.mail.port, "twilio": world.twilio.port}
    async with AsyncExitStack() as stack:
        made = {wire: await stack.enter_async_context(Proxy(ports[wire])) for wire in ports}
        world.dsn = world.dsn.replace(f":{port}/", f":{made['postgres'].port}/")
        yield made


async def _stall(proxy: Proxy) -> None:
    proxy.stall()
    stalled = time.monotonic()
    await until(lambda: time.monotonic() - stalled > STALLED_SECONDS, STALLED_SECONDS + 10)
    proxy.resume()


async def _reset(proxy: Proxy) -> None:
    for _ in range(2):
        seen = proxy.connections
        proxy.reset()
        await until(lambda seen=seen: proxy.connections > seen, 20)  # type: ignore[misc]


async def _cut(proxy: Proxy) -> None:
    for size in CUTS:
        proxy.cut_after(size)
    enough = proxy.connections + len(CUTS)
    proxy.reset()
    await until(lambda: proxy.connections >= enough, 20)


@pytest.mark.parametrize("wire", get_args(Wire))
async def test_a_harmed_wire_loses_nothing(world: World, wires: Wires, wire: Wire) -> None:
    """Stalled, reset, and cut after so many bytes, under load: every job is completed, every copy is on record."""
    await keep_history(world.booking)
    await world.insert_many(JOBS)
    await world.booking.execute("update notification_jobs set max_attempts = 50, status = 'held'")
    with world.daemon(
        smtp_port=wires["smtp"].port,
        twilio_base_url=f"http://127.0.0.1:{wires['twilio'].port}",
        smtp_timeout=1,
        twilio_timeout=1,
        reconcile_grace=4,
        retry_base=0.2,
        retry_max=1,
        poll_interval=0.5,
        max_in_flight=10,
    ) as daemon:
        for harm in (_stall, _reset, _cut):
            enough = len(world.mail.mails) + 5
            await world.booking.execute(_RELEASE, JOBS // 3)
            await until(lambda enough=enough: len(world.mail.mails) > enough, hint=daemon.tail)  # type: ignore[misc]
            await harm(wires[wire])
        assert {"completed": JOBS} == await world.all_settled(60)
    mails = Counter(mail.envelope_to[0] for mail in world.mail.mails)
    texts = Counter(sms.to for sms in world.twilio.messages)
    assert (JOBS, {1}) == (len(texts), set(texts.values()))
    assert JOBS == len(mails)
    assert {to for to, copies in mails.items() if copies > 1} <= await doubted_mails(world.booking)


_RELEASE = """
update notification_jobs set status = 'pending'
where id in (select id from notification_jobs where status = 'held' limit $1)
"""
