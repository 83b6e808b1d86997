"""Rows as a booking system writes them: plain SQL, nothing of notifyd's."""

import json
from typing import Any

import asyncpg

BOOKING: dict[str, Any] = {
    "clientName": "Asha Rao",
    "clientEmail": "asha@example.com",
    "clientPhone": "+14155550123",
    "serviceName": "Haircut",
    "staffName": "Meera",
    "dateTime": "Monday, 5 January 2099, 10:30",
    "startTime": "2099-01-05T10:30:00+05:30",
    "endTime": "2099-01-05T11:15:00+05:30",
    "salonName": "Studio Lotus",
    "salonAddress": "12 Hill Road, Mumbai",
    "salonTimezone": "Asia/Kolkata",
    "salonEmail": "hello@lotus.example.com",
}
"""The data of a booking as booking systems send it, complete and correct."""


def payload(*channels: str, **data: Any) -> dict[str, Any]:
    """Return a payload in the nested shape.

    Args:
        channels: All that the data has an address for, if none is named.
        data: Replaces or adds keys of `BOOKING`; None takes one out.
    """
    merged = {key: value for key, value in {**BOOKING, **data}.items() if value is not None}
    named = {"channels": list(channels)} if channels else {}
    return {"type": "booking_confirmation", **named, "data": merged}


async def insert_job(connection: asyncpg.Connection, table: str = "notification_jobs", **columns: Any) -> str:
    """Insert one row and return its id as text.

    Args:
        connection: Where to.
        table: Its name, qualified or not.
        columns: Columns of the row; a payload that is no text is written as JSON. What is left out is left to the
            table, but for the four columns that a booking system must give.
    """
    row = {
        "salon_id": "salon-1",
        "client_id": "client-1",
        "type": "booking_confirmation",
        "payload": payload(),
    } | columns
    if not isinstance(row["payload"], str):
        row["payload"] = json.dumps(row["payload"])
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    statement = f"insert into {table} ({', '.join(row)}) values ({places}) returning id::text"
    inserted: str = await connection.fetchval(statement, *row.values())
    return inserted
