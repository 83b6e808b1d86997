"""The end of a run with `--for`: waits for every job's final state, then judges jobs and messages, and says so."""

from dataclasses import dataclass
from datetime import datetime

import anyio
import asyncpg
from rich.console import Console
from rich.table import Table

from notifyd.demo.audit import Mismatch, compare, read_ledger
from notifyd.demo.inbox import Inbox
from notifyd.model.job import Channel

SETTLE_WITHIN = 120.0
"""Seconds that the last jobs have to reach their final state."""

_GLANCE = 0.1
_FINAL = ("completed", "failed", "cancelled")

_OPEN = "select count(*) from notification_jobs where created_at >= $1 and status <> all($2::text[])"
_BY_STATUS = """
select type, status, count(*) as jobs from notification_jobs where created_at >= $1 group by 1, 2 order by 1, 2
"""
_UNFINISHED = """
select id, status, coalesce(error, '') as error from notification_jobs
where created_at >= $1 and status <> all($2::text[]) order by created_at limit 20
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the run came to.

    Attributes:
        jobs: How many jobs of each type reached which status.
        unfinished: Jobs without a final state: id, status and error; twenty at most.
        emails: How many the mail sink accepted.
        texts: How many SMS the Twilio stand-in accepted.
        mismatches: Where messages and ledger disagree.
    """

    jobs: dict[tuple[str, str], int]
    unfinished: list[tuple[str, str, str]]
    emails: int
    texts: int
    mismatches: tuple[Mismatch, ...]

    @property
    def well(self) -> bool:
        """Whether there was work, all of it was finished, and messages and ledger agree."""
        return bool(self.jobs) and not self.unfinished and not self.mismatches


async def settle(pool: asyncpg.Pool, since: datetime) -> None:
    """Wait until every job inserted since a moment has a final state, or until `SETTLE_WITHIN` is over."""
    with anyio.move_on_after(SETTLE_WITHIN):
        while True:
            if not await pool.fetchval(_OPEN, _utc(since), _FINAL):
                return
            await anyio.sleep(_GLANCE)


async def judge(pool: asyncpg.Pool, since: datetime, inbox: Inbox) -> Verdict:
    """Judge a run whose daemon has stopped.

    Args:
        pool: The booking system's database.
        since: The database's clock when the run began.
        inbox: What the sinks accepted in this run.
    """
    counted = await pool.fetch(_BY_STATUS, _utc(since))
    unfinished = await pool.fetch(_UNFINISHED, _utc(since), _FINAL)
    ledger = await read_ledger(pool, since)
    emails, texts = list(inbox.all_marks(Channel.EMAIL)), list(inbox.all_marks(Channel.SMS))
    return Verdict(
        {(row["type"], row["status"]): row["jobs"] for row in counted},
        [(row["id"], row["status"], row["error"]) for row in unfinished],
        len(emails),
        len(texts),
        compare(ledger, emails, texts),
    )


def tell(verdict: Verdict, console: Console) -> None:
    """Print the summary."""
    statuses = sorted({status for _, status in verdict.jobs} | set(_FINAL), key=_rank)
    table = Table("Jobs", *statuses, show_footer=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for job_type in sorted({job_type for job_type, _ in verdict.jobs}):
        table.add_row(job_type, *(str(verdict.jobs.get((job_type, status), 0)) for status in statuses))
    totals = [sum(n for (_, s), n in verdict.jobs.items() if s == status) for status in statuses]
    table.add_section()
    table.add_row("all", *map(str, totals))
    console.print(table)
    console.print(f"{verdict.emails} e-mails and {verdict.texts} SMS arrived.", highlight=False)
    for job_id, status, error in verdict.unfinished:
        console.print(f"not final: job {job_id} is {status}  {error}", markup=False, highlight=False)
    for found in verdict.mismatches:
        told = f"{found.channel} {found.mark} of job {found.job_id or 'unknown'}: {found.fault}"
        console.print(told, markup=False, highlight=False)
    console.print(_conclusion(verdict), highlight=False)


def _conclusion(verdict: Verdict) -> str:
    if verdict.well:
        return "Every job reached its final state, and every message matches the ledger."
    if not verdict.jobs:
        return "No job was inserted."
    parts = [
        *(["not every job reached its final state"] if verdict.unfinished else []),
        *(["messages and ledger disagree"] if verdict.mismatches else []),
    ]
    return f"NOT WELL: {', '.join(parts)}."


def _rank(status: str) -> tuple[int, str]:
    return (_FINAL.index(status) if status in _FINAL else len(_FINAL), status)


def _utc(moment: datetime) -> datetime:
    """Return a moment as `timestamp(3)` columns have it."""
    return moment.replace(tzinfo=None)
