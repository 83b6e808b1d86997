"""The leanest loop that the same libraries allow: claim a batch, send, complete in batches.

No ledger, no lease, no checks: what notifyd takes beyond this is what its promises cost. Whatever goes wrong ends it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiosmtplib
import asyncpg
import uvloop

from benchmarks.loops.content import Content, Data
from benchmarks.loops.options import SMTP_FROM, TWILIO_FROM, Options, options

BATCH = 200
SMTP_CONNECTIONS = 10
TWILIO_CONNECTIONS = 20
"""What notifyd's defaults are."""

POLL = 5.0
INDEX_LOOKUPS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
"""A plan made for the empty table must not be kept for the full one; notifyd pins its plans likewise."""

# State and order are spelled as in notifyd's claim, so that the same partial index serves.
_CLAIM = """
update notification_jobs j
set status = 'processing', attempts = attempts + 1, updated_at = now() at time zone 'UTC'
from (
    select id from notification_jobs where (status || '') = 'pending' order by updated_at limit $1
    for update skip locked
) ready
where j.id = ready.id returning j.id, j.type, j.payload
"""
_COMPLETE = """
update notification_jobs
set status = 'completed', processed_at = now() at time zone 'UTC', updated_at = now() at time zone 'UTC'
where id = any($1::text[])
"""

Send = Callable[[str, str, Data], Awaitable[None]]
"""Sends the message of a job (its id, type and data)."""


class Loop:
    """Claims into one queue for each channel; senders take from there; what they have done is completed together."""

    def __init__(self, claiming: asyncpg.Connection, completing: asyncpg.Connection) -> None:
        self._claiming = claiming
        self._completing = completing
        self._waiting: dict[str, asyncio.Queue[asyncpg.Record]] = {}
        self._done: list[str] = []
        self._news = asyncio.Event()
        self.wake = asyncio.Event()

    async def run(self, senders: dict[str, list[Send]]) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as tasks:
            for channel, sends in senders.items():
                self._waiting[channel] = asyncio.Queue(BATCH // 2)  # the next claim is made when half is under way
                for send in sends:
                    tasks.create_task(self._send(channel, send))
            tasks.create_task(self._complete())
            tasks.create_task(self._claim())
            print("ready", flush=True)

    async def _claim(self) -> None:
        while True:
            self.wake.clear()
            rows = await self._claiming.fetch(_CLAIM, BATCH)
            for row in rows:
                channel = "email" if '"channels": ["email"]' in row["payload"] else "sms"
                await self._waiting[channel].put(row)
            if not rows:
                try:
                    async with asyncio.timeout(POLL):
                        await self.wake.wait()
                except TimeoutError:
                    pass

    async def _send(self, channel: str, send: Send) -> None:
        waiting = self._waiting[channel]
        while True:
            row = await waiting.get()
            await send(row["id"], row["type"], json.loads(row["payload"])["data"])
            self._done.append(row["id"])
            self._news.set()

    async def _complete(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            done, self._done = self._done, []
            await self._completing.execute(_COMPLETE, done)


@asynccontextmanager
async def open_senders(given: Options) -> AsyncIterator[dict[str, list[Send]]]:
    """Open what the command line names: for each channel as many senders as may be under way at once."""
    content = Content(given.templates, SMTP_FROM)

    async def forget(_id: str, type_: str, data: Data) -> None:
        content.sms(type_, data)

    async with AsyncExitStack() as stack:
        senders: dict[str, list[Send]] = {"email": [forget], "sms": [forget]}
        if given.smtp_port is not None:
            senders["email"] = [await _open_smtp(given.smtp_port, content, stack) for _ in range(SMTP_CONNECTIONS)]
        if given.twilio is not None:
            from benchmarks.loops.texting import open_twilio  # noqa: PLC0415 - 25 MB, only where it is used

            twilio = await stack.enter_async_context(open_twilio(given.twilio, TWILIO_FROM))

            async def text(_id: str, type_: str, data: Data) -> None:
                await twilio(data["clientPhone"], content.sms(type_, data))

            senders["sms"] = [text] * TWILIO_CONNECTIONS
        yield senders


async def _open_smtp(port: int, content: Content, stack: AsyncExitStack) -> Send:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname="localhost")
    await stack.enter_async_context(client)

    async def send(job_id: str, type_: str, data: Data) -> None:
        letter = content.letter(job_id, type_, data)
        await client.sendmail(letter.sender, [letter.to], letter.data)

    return send


async def work(given: Options) -> None:
    """Claim, send and complete for ever."""
    claiming, completing = [await asyncpg.connect(given.dsn, server_settings=INDEX_LOOKUPS) for _ in range(2)]
    loop = Loop(claiming, completing)
    listening = await asyncpg.connect(given.dsn)
    await listening.add_listener("notifyd", lambda *_: loop.wake.set())
    async with open_senders(given) as senders:
        await loop.run(senders)


if __name__ == "__main__":
    uvloop.run(work(options(__doc__)))
