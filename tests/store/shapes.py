"""The table as booking systems make it, and what the catalogue says of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

TABLE = "public.notification_jobs"

PRISMA = """
create table notification_jobs (
    id TEXT NOT NULL, salon_id TEXT NOT NULL, client_id TEXT NOT NULL, appointment_id TEXT, type TEXT NOT NULL,
    payload TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 3, error TEXT, created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP(3) NOT NULL, processed_at TIMESTAMP(3),
    CONSTRAINT notification_jobs_pkey PRIMARY KEY (id)
);
create index notification_jobs_status_created_at_idx on notification_jobs (status, created_at);
create index notification_jobs_status_attempts_idx on notification_jobs (status, attempts);
"""
"""What `prisma migrate` makes of a model with String ids and DateTime columns."""

LOOSE = (
    PRISMA.replace("attempts INTEGER NOT NULL DEFAULT 0", "attempts INT DEFAULT 0")
    .replace("max_attempts INTEGER NOT NULL DEFAULT 3", "max_attempts INT DEFAULT 3")
    .replace("payload TEXT", "payload JSON")
    .replace("status TEXT", "status VARCHAR(20)")
)
"""Hand-written: counters that may be null, payloads as json."""

UUID = (
    PRISMA.replace("id TEXT NOT NULL, salon", "id UUID NOT NULL, salon")
    .replace("TIMESTAMP(3)", "TIMESTAMPTZ")
    .replace("payload TEXT", "payload JSONB")
)
"""What Django or Rails would make: native uuid, timestamps with a zone, jsonb."""

MIXED = PRISMA.replace("processed_at TIMESTAMP(3)", "processed_at TIMESTAMPTZ")
"""Grown over the years."""

SHAPES = {"prisma": PRISMA, "loose": LOOSE, "uuid": UUID, "mixed": MIXED}

CATALOGUE = """
select 'column' as kind, attname::text as name, concat_ws(' ', attnum, format_type(atttypid, atttypmod), attnotnull,
    attidentity, attgenerated, attcollation, attstorage, pg_get_expr(adbin, adrelid)) as definition
from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attrelid = 'notification_jobs'::regclass and attnum > 0
union all
select 'constraint', conname, pg_get_constraintdef(oid)
from pg_constraint where conrelid = 'notification_jobs'::regclass
union all
select case when indpred is null then 'full index' else 'partial index' end, indexrelid::regclass::text,
    concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid)
from pg_index where indrelid = 'notification_jobs'::regclass
union all
select 'trigger', tgname, concat_ws(' ', pg_get_triggerdef(oid), tgenabled)
from pg_trigger where tgrelid = 'notification_jobs'::regclass and not tgisinternal
union all
select 'table', relname, concat_ws(' ', reloptions, relacl, relrowsecurity, relreplident, obj_description(oid))
from pg_class where oid = 'notification_jobs'::regclass
order by 1, 2
"""

Catalogue = dict[tuple[str, str], str]


async def catalogue(connection: asyncpg.Connection) -> Catalogue:
    """Return everything that the catalogue says of the table."""
    return {(row["kind"], row["name"]): row["definition"] for row in await connection.fetch(CATALOGUE)}


@asynccontextmanager
async def connected(dsn: str, **settings: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection of the test's own, with these settings of the server."""
    opened = await asyncpg.connect(dsn, server_settings=settings)
    try:
        yield opened
    finally:
        await opened.close()
