"""A mail server that answers a byte at a time: each command has its time limit, and no SMS waits for a mail."""

import time

from support.proxy import Proxy
from support.waiting import until
from support.world import World

JOBS = 60
SMTP_TIMEOUT = 1.0


async def test_a_byte_a_second_delays_nobody_else(world: World) -> None:
    """Banner, EHLO, MAIL, whatever is answered so slowly is given up in time; then each mail leaves once."""
    async with Proxy(world.mail.port) as proxy:
        with world.daemon(smtp_port=proxy.port, smtp_timeout=SMTP_TIMEOUT, retry_base=0.2, poll_interval=0.5) as daemon:
            assert "completed" == (await world.settled(await world.insert("email")))["status"]
            proxy.trickle(1)
            began = time.monotonic()
            await world.insert_many(JOBS)
            await until(lambda: len(world.twilio.messages) == JOBS, 10, hint=daemon.tail)
            paused = await daemon.wait_for_event("channel.paused", channel="email")
            assert "did not answer in time" in paused["reason"]
            assert (
                time.monotonic() - began < 8 * SMTP_TIMEOUT
            )  # one for MAIL where a connection stood, one for a banner
            assert 1 == len(world.mail.mails)
            proxy.trickle(None)
            assert {"completed": JOBS + 1} == await world.all_settled(60)
    assert JOBS + 1 == len({mail.message_id for mail in world.mail.mails}) == len(world.mail.mails)
    assert JOBS == len({sms.to for sms in world.twilio.messages}) == len(world.twilio.messages)
