"""The original worker, made anew from its description (docs/performance.md): what notifyd replaces.

Every five seconds it selects ten pending rows, marks each as taken, sends, and marks it completed, one after another.
Its e-mails take a connection each; everything else it shares with the bare loop, the libraries and uvloop included.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aiosmtplib
import asyncpg
import uvloop

from benchmarks.loops.content import Content
from benchmarks.loops.options import SMTP_FROM, TWILIO_FROM, Options, options

BATCH = 10
NOTHING_TO_DO = 0.01
"""Seconds between two looks of the variant without a pause, when there is nothing pending."""

_STALE = """
update notification_jobs set status = 'pending', updated_at = now() at time zone 'UTC'
where status = 'processing' and updated_at < now() at time zone 'UTC' - interval '5 minutes'
"""
_SELECT = """
select id, type, payload from notification_jobs where status = 'pending' and attempts < max_attempts
order by created_at limit $1 for update skip locked
"""
_TAKE = """
update notification_jobs set status = 'processing', attempts = attempts + 1, updated_at = now() at time zone 'UTC'
where id = $1
"""
_COMPLETE = """
update notification_jobs
set status = 'completed', processed_at = now() at time zone 'UTC', updated_at = now() at time zone 'UTC'
where id = $1
"""
_FAIL = """
update notification_jobs set status = case when attempts < max_attempts then 'pending' else 'failed' end,
    error = $2, updated_at = now() at time zone 'UTC'
where id = $1
"""

Send = Callable[[asyncpg.Record], Awaitable[None]]


async def work(given: Options) -> None:
    """Poll for ever."""
    connection = await asyncpg.connect(given.dsn)
    async with AsyncExitStack() as stack:
        send = await _sender(given, stack)
        print("ready", flush=True)
        while True:
            await asyncio.sleep(given.pause)
            if not await process_jobs(connection, send) and not given.pause:
                await asyncio.sleep(NOTHING_TO_DO)


async def process_jobs(connection: asyncpg.Connection, send: Send) -> int:
    """Send one batch. Returns how many there were."""
    await connection.execute(_STALE)
    jobs = await connection.fetch(_SELECT, BATCH)
    for job in jobs:
        await connection.execute(_TAKE, job["id"])
        try:
            await send(job)
            await connection.execute(_COMPLETE, job["id"])
        except Exception as error:  # noqa: BLE001 - as the original has it
            await connection.execute(_FAIL, job["id"], str(error))
    return len(jobs)


async def _sender(given: Options, stack: AsyncExitStack) -> Send:
    content = Content(given.templates, SMTP_FROM)
    send_sms = None
    if given.twilio is not None:
        from benchmarks.loops.texting import open_twilio  # noqa: PLC0415 - 25 MB, only where it is used

        send_sms = await stack.enter_async_context(open_twilio(given.twilio, TWILIO_FROM))

    async def send(job: asyncpg.Record) -> None:
        payload = json.loads(job["payload"])
        if payload["channels"] == ["email"]:
            letter = content.letter(job["id"], job["type"], payload["data"])
            await aiosmtplib.send(
                letter.data,
                sender=letter.sender,
                recipients=[letter.to],
                hostname="127.0.0.1",
                port=given.smtp_port,
                start_tls=False,
                local_hostname="localhost",
            )
        else:
            body = content.sms(job["type"], payload["data"])
            if send_sms is not None:
                await send_sms(payload["data"]["clientPhone"], body)

    return send


if __name__ == "__main__":
    uvloop.run(work(options(__doc__)))
