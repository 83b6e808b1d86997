"""The tables of a booking system as two kinds of tools make them, and how rows get into them.

What differs is what does: ids as `text` or `uuid`, timestamps without a zone (UTC) or with one, tags as `text[]` or
`jsonb`, amounts as `double precision` or `numeric`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg

_TABLES = """
create table salons (id {id} primary key, timezone text);
create table payments (id bigint generated always as identity primary key, salon_id {id} not null, location_id {id},
    status text not null, total_amount {amount} not null, refund_amount {amount}, created_at {moment} not null);
create table appointments (id bigint generated always as identity primary key, salon_id {id} not null,
    location_id {id}, status text not null, start_time {moment} not null);
create table clients (id bigint generated always as identity primary key, salon_id {id} not null,
    is_active boolean not null, tags {tags}, created_at {moment} not null);
create table reviews (id bigint generated always as identity primary key, salon_id {id} not null,
    is_approved boolean not null, rating integer);
create table bookings (id bigint generated always as identity primary key, salon_id {id} not null,
    created_at {moment} not null);
create table messages (id bigint generated always as identity primary key, salon_id {id} not null,
    created_at {moment} not null, cost {amount});
create table conversations (id bigint generated always as identity primary key, salon_id {id} not null,
    started_at {moment} not null);
create table jobs (id bigint generated always as identity primary key, user_id {id} not null, status text not null,
    created_at {moment} not null);
create table contacts (id bigint generated always as identity primary key, user_id {id} not null, job_id bigint,
    role text, production text);
"""

COLUMNS = {
    "salons": ("id", "timezone"),
    "payments": ("salon_id", "location_id", "status", "total_amount", "refund_amount", "created_at"),
    "appointments": ("salon_id", "location_id", "status", "start_time"),
    "clients": ("salon_id", "is_active", "tags", "created_at"),
    "reviews": ("salon_id", "is_approved", "rating"),
    "bookings": ("salon_id", "created_at"),
    "messages": ("salon_id", "created_at", "cost"),
    "conversations": ("salon_id", "started_at"),
    "jobs": ("user_id", "status", "created_at"),
    "contacts": ("user_id", "job_id", "role", "production"),
}
"""The columns that dashboards read, by table, in the order of `Row`."""

Row = Sequence[Any]
"""Ids are the text of UUIDs, moments are aware, amounts `Decimal`, tags a list."""


@dataclass(frozen=True, slots=True)
class Types:
    """The types that one kind of tool chooses."""

    id: str
    moment: str
    tags: str
    amount: str

    def tables(self) -> str:
        """Return the statements that make the tables."""
        return _TABLES.format(id=self.id, moment=self.moment, tags=self.tags, amount=self.amount)

    async def fill(self, connection: asyncpg.Connection, table: str, rows: Iterable[Row]) -> None:
        """Copy rows into a table."""
        converted = [tuple(self._stored(value) for value in row) for row in rows]
        await connection.copy_records_to_table(table, records=converted, columns=COLUMNS[table])
        await connection.execute(f"analyze {table}")

    def _stored(self, value: Any) -> Any:
        match value:
            case datetime():
                return value if "tz" in self.moment else value.replace(tzinfo=None)
            case Decimal():
                return value if self.amount.startswith("numeric") else float(value)
            case list():
                return value if self.tags == "text[]" else json.dumps(value)
            case _:
                return value


PRISMA = Types("text", "timestamp(3)", "text[]", "double precision")
"""What Prisma makes of String, DateTime, String[] and Float."""

RAILS = Types("uuid", "timestamptz", "jsonb", "numeric(12, 4)")
"""What Rails or Django make, told to use uuid and jsonb."""

TYPES = {"prisma": PRISMA, "rails": RAILS}
