"""A small booking system: its schema, and a visit booked as it would be booked, visit and job in one transaction.

Knows nothing of notifyd but the table it inserts into. May not read that table back: an INSERT is the whole API.
"""

from datetime import datetime
from importlib.resources import files

import asyncpg

from notifyd.demo.bookings import Booking
from notifyd.demo.people import SALONS

DATABASE = "bookings"
TABLE = "public.notification_jobs"

_SALON = """
insert into salons (id, name, address, email, time_zone) values ($1, $2, $3, $4, $5)
on conflict (id) do update set name = excluded.name, address = excluded.address, email = excluded.email,
    time_zone = excluded.time_zone
"""
_CLIENT = "insert into clients (id, salon_id, name, email, phone) values ($1, $2, $3, $4, $5)"
_APPOINTMENT = """
insert into appointments (id, salon_id, client_id, service, staff, starts_at, ends_at)
values ($1, $2, $3, $4, $5, $6, $7)
"""
_JOB_AS_PRISMA_WRITES = """
insert into notification_jobs (salon_id, client_id, appointment_id, type, payload, id, status, attempts, max_attempts,
    created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, 'pending', 0, 3, $7, $7)
"""
_JOB_AS_RAW_SQL_WRITES = """
insert into notification_jobs (salon_id, client_id, appointment_id, type, payload) values ($1, $2, $3, $4, $5)
returning id
"""


async def set_up(dsn: str) -> None:
    """Make the booking system's tables and salons where they are missing; its database speaks UTC, as Prisma's do."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        name = await connection.fetchval("select quote_ident(current_database())")
        await connection.execute(f"alter database {name} set timezone to 'UTC'")
        await connection.execute(files("notifyd.demo").joinpath("booking_system.sql").read_text("utf-8"))
        await connection.executemany(_SALON, [(s.id, s.name, s.address, s.email, s.zone) for s in SALONS])
    finally:
        await connection.close(timeout=5)


async def clock(pool: asyncpg.Pool) -> datetime:
    """Return the database's clock, with a zone."""
    now: datetime = await pool.fetchval("select clock_timestamp()", timeout=10)
    return now


async def book(pool: asyncpg.Pool, visit: Booking) -> str:
    """Book a visit: client, appointment and job, or none of them.

    Returns:
        The job's id.
    """
    client, salon = visit.client, visit.salon
    job = (salon.id, visit.client_id, visit.appointment_id, visit.type, visit.payload)
    times = (visit.starts_at, visit.ends_at)
    async with pool.acquire(timeout=10) as connection, connection.transaction():
        await connection.execute(_CLIENT, visit.client_id, salon.id, client.name, client.email, client.phone)
        appointment = (visit.appointment_id, salon.id, visit.client_id, visit.service, visit.staff)
        await connection.execute(_APPOINTMENT, *appointment, *times)
        if visit.frugal:
            return str(await connection.fetchval(_JOB_AS_RAW_SQL_WRITES, *job))
        now = await connection.fetchval("select clock_timestamp()")
        await connection.execute(_JOB_AS_PRISMA_WRITES, *job, visit.job_id, now.replace(tzinfo=None))
        return visit.job_id
