"""Gathers what the judge needs: the rows, the ledger, the harness' history, and what both sinks accepted."""

import time

import asyncpg

from chaos.facts import Arrival, Change, Evidence, Row
from chaos.orders import Order
from chaos.stage import Stage
from notifyd.model.job import Channel

_ROWS = "select id, status, attempts, error from notification_jobs"
_LEDGER = "select job_id, channel, state from notifyd.deliveries"
_HISTORY = """
select extract(epoch from at)::float8 as at, job_id, what, coalesce(state, '') as state, coalesce(detail, '') as detail
from chaos.history order by seq
"""
_CLOCK = "select extract(epoch from clock_timestamp())::float8"


async def gather(stage: Stage, orders: list[Order]) -> Evidence:
    """Read everything; the daemons have ended."""
    connection = await asyncpg.connect(stage.dsn)
    try:
        offset = await _offset(connection)
        return Evidence(
            orders=orders,
            rows={
                row["id"]: Row(row["status"], row["attempts"], row["error"]) for row in await connection.fetch(_ROWS)
            },
            ledger={(row["job_id"], Channel(row["channel"])): row["state"] for row in await connection.fetch(_LEDGER)},
            history=[Change(**row) for row in await connection.fetch(_HISTORY)],
            arrivals=[*_mails(stage, offset), *_texts(stage, offset)],
        )
    finally:
        await connection.close()


def _mails(stage: Stage, offset: float) -> list[Arrival]:
    return [
        Arrival(Channel.EMAIL, address, mail.message_id, mail.arrived + offset)
        for mail in stage.mail.mails
        for address in mail.envelope_to
    ]


def _texts(stage: Stage, offset: float) -> list[Arrival]:
    return [Arrival(Channel.SMS, sms.to, sms.sid, sms.arrived + offset) for sms in stage.twilio.messages]


async def _offset(connection: asyncpg.Connection) -> float:
    """Return what to add to the sinks' clock, which is monotonic, to have the database's."""
    before = time.monotonic()
    now: float = await connection.fetchval(_CLOCK)
    return now - (before + time.monotonic()) / 2
