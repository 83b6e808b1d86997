"""What the page tells of jobs: whose message this is, what failed and why, what waits and until when. Reads only."""

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from notifyd.model.job import State

UNFINISHED = frozenset({State.PENDING, State.SCHEDULED, State.PROCESSING})
"""The states that a job leaves by itself."""

_FACTS = """
    j.id, j.type, coalesce(s.name, j.salon_id) as salon, j.status, j.attempts, j.max_attempts, j.error, j.payload,
    extract(epoch from j.created_at at time zone 'UTC')::float8 as created
from notification_jobs j left join salons s on s.id = j.salon_id
"""
_BY_EMAIL = f"""
select replace(d.job_key::text, '-', '') as mark, {_FACTS}
join notifyd.deliveries d on d.job_id = j.id where d.channel = 'email' and d.job_key = any($1::text[]::uuid[])
"""
_BY_SMS = f"""
select d.provider_id as mark, {_FACTS}
join notifyd.deliveries d on d.job_id = j.id where d.channel = 'sms' and d.provider_id = any($1::text[])
"""
_BY_ID = f"select j.id as mark, {_FACTS} where j.id = any($1::text[])"
_LATEST = f"select j.id as mark, {_FACTS} where j.status = $1 order by j.created_at desc limit $2"
_WAITING = f"""
select extract(epoch from w.due_at - now())::float8 as due_in, w.waits_for, w.reason, {_FACTS}
join notifyd.schedule w on w.job_id = j.id where j.status = 'scheduled' order by w.due_at limit $1
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class JobView:
    """One job as the page shows it.

    Attributes:
        since: When its message was wanted, in seconds of the database's clock: at its insert or, if later, at its
            `sendAt`. None where the row does not say.
        later: Whether it was `sendAt` that said when.
    """

    id: str
    type: str
    salon: str
    status: str
    attempts: int
    max_attempts: int
    error: str | None
    since: float | None
    later: bool

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.status not in UNFINISHED

    @classmethod
    def of(cls, row: asyncpg.Record) -> "JobView":
        """Read a row of any statement here."""
        created = row["created"] if row["created"] is not None and math.isfinite(row["created"]) else None
        asked = _send_at(row["payload"])
        later = asked is not None and created is not None and asked > created
        return cls(
            row["id"], row["type"], row["salon"], row["status"], row["attempts"], row["max_attempts"], row["error"],
            asked if later else created, later,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waiting:
    """A scheduled job: seconds until it falls due, the paused channel it waits for, and why it waits."""

    job: JobView
    due_in: float
    waits_for: str | None
    reason: str | None


async def by_email(pool: asyncpg.Pool, keys: Collection[str]) -> dict[str, JobView]:
    """Return the jobs of e-mails by the key in their Message-ID."""
    return _views(await pool.fetch(_BY_EMAIL, list(keys)))


async def by_sms(pool: asyncpg.Pool, sids: Collection[str]) -> dict[str, JobView]:
    """Return the jobs of SMS by their SID; the ledger learns it a moment after the provider gave it."""
    return _views(await pool.fetch(_BY_SMS, list(sids)))


async def by_id(pool: asyncpg.Pool, ids: Collection[str]) -> dict[str, JobView]:
    """Return jobs by their id."""
    return _views(await pool.fetch(_BY_ID, list(ids)))


async def latest(pool: asyncpg.Pool, status: State, limit: int) -> list[JobView]:
    """Return the newest jobs of a state."""
    return [JobView.of(row) for row in await pool.fetch(_LATEST, status.value, limit)]


async def waiting(pool: asyncpg.Pool, limit: int) -> list[Waiting]:
    """Return the scheduled jobs that fall due next."""
    rows = await pool.fetch(_WAITING, limit)
    return [Waiting(JobView.of(row), row["due_in"], row["waits_for"], row["reason"]) for row in rows]


def _views(rows: list[asyncpg.Record]) -> dict[str, JobView]:
    return {row["mark"]: JobView.of(row) for row in rows}


def _send_at(payload: str) -> float | None:
    """Return the payload's `sendAt` in seconds, where it names an offset as the simulator does."""
    try:
        moment = datetime.fromisoformat(json.loads(payload)["sendAt"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return moment.timestamp() if moment.tzinfo else None
