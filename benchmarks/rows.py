"""The rows of the booking system, as Prisma writes them: every column supplied, so that no trigger fills any."""

import json
from dataclasses import dataclass

import asyncpg

from benchmarks.plan import Workload

BOOKING = {
    "clientName": "Asha Rao",
    "clientEmail": "client-{n}@example.com",
    "clientPhone": "+1415{n}",
    "serviceName": "Cut and blow-dry",
    "staffName": "Meera Iyer",
    "dateTime": "Tuesday, 24 November 2026, 14:30",
    "startTime": "2026-11-24T14:30:00+05:30",
    "endTime": "2026-11-24T15:15:00+05:30",
    "salonName": "Studio Lotus",
    "salonAddress": "12 Hill Road, Bandra West, Mumbai",
    "salonTimezone": "Asia/Kolkata",
    "salonEmail": "hello@lotus.example.com",
}
"""What a real row says; `{n}` is the number of the row, of seven digits."""

FIRST = 2_000_001
"""The number of the first row: seven digits that make an American phone number of the area code."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The rows of one workload.

    Attributes:
        type: The column `type`.
        payload: The column `payload`, `{n}` standing for the row's number.
    """

    type: str
    payload: str


def _kind(type_: str, channel: str, data: dict[str, str]) -> Kind:
    return Kind(type_, json.dumps({"type": type_, "channels": [channel], "data": data}))


KINDS = {
    Workload.NO_OP: _kind("no_op", "sms", {"clientPhone": BOOKING["clientPhone"]}),
    Workload.EMAIL: _kind("booking_confirmation", "email", BOOKING),
    Workload.SMS: _kind("booking_confirmation", "sms", BOOKING),
}

_INSERT = """
insert into notification_jobs (
    id, salon_id, client_id, appointment_id, type, payload, status, attempts, max_attempts, created_at, updated_at)
select gen_random_uuid()::text, 'salon-' || n % 50, 'client-' || n, 'visit-' || n, $1, replace($2, '{n}', n::text),
    'pending', 0, 3, clock_timestamp() at time zone 'UTC', clock_timestamp() at time zone 'UTC'
from generate_series($3::int, $4::int) n
"""


async def insert(connection: asyncpg.Connection, workload: Workload, count: int, first: int = FIRST) -> None:
    """Insert `count` rows in one transaction; committed on return."""
    kind = KINDS[workload]
    await connection.execute(_INSERT, kind.type, kind.payload, first, first + count - 1)


def recipient(workload: Workload, number: int) -> str:
    """Return whom the message of a row goes to."""
    key = "clientEmail" if workload is Workload.EMAIL else "clientPhone"
    return BOOKING[key].replace("{n}", str(number))
