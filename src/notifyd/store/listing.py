"""Lists jobs, newest first, page by page. Never writes.

The order is total: `created_at` as it stands in the row, then a hash of the id. A page begins strictly below the place
where the last one ended, so nothing that arrives meanwhile can shift it. `created_at` is a stranger's: it may be
infinite, BC, or the same in a million rows. So it is compared in SQL alone, and its text is ISO 8601 whatever the
session's DateStyle, and exact. The id may be too long for an index entry, and so only its hash is in the order; rows
that share both (a writer would have to aim at it) are never parted by the end of a page, which is then a little longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from notifyd.model.job import State
from notifyd.store.adopt import LISTED, SALON, TIE
from notifyd.store.pool import Store

LIST_LIMIT = 2.0
"""Seconds. A page takes a few milliseconds; only a filter that hardly any row passes takes longer."""

LONGEST_NAME = 1_000
"""Characters that are shown of an id, a type and the like: as many as a filter takes."""

LONGEST_TEXT = 8_192
"""Characters that are shown of a payload, and of an error."""

MOST_ROWS = 200
"""Rows of one page without error and payload."""

MOST_ROWS_WITH_TEXTS = 50
"""Rows of one page with them. Either way a page has at most 1.1 million characters of strangers', who may have written
a hundred million into every column: 1.1 MB as JSON in plain letters, 13 MB where all of them are emoji."""

LOWEST_TIE = -(2**63)

STATUSES = tuple(state.value for state in State)


class PlaceUnreadable(Exception):  # noqa: N818 - what is the matter with it, in the words of the answer
    """The place where a page is to begin is none that this table ever gave."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the order a row stands.

    Attributes:
        created_at: The column's text, in ISO 8601 as PostgreSQL writes it.
        tie: The hash of the row's id, which orders rows of one `created_at`.
    """

    created_at: str
    tie: int


TOP = Place("infinity", 2**63 - 1)
"""Above all rows."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs are asked for.

    Attributes:
        statuses: Of these states; rows of a status that is none of ours are counted by `/stats` and listed nowhere.
        salon_id: Of this salon alone.
        type: Of this type alone.
        appointment_id: About this appointment alone.
        created_from: Not created before it.
        created_to: Created before it.
        below: Where the last page ended.
        error: Whether the error is wanted too.
        payload: Whether the payload is: a large one costs time.
        limit: Rows, at the most `MOST_ROWS`, or `MOST_ROWS_WITH_TEXTS`.
    """

    statuses: Sequence[str] = STATUSES
    salon_id: str | None = None
    type: str | None = None
    appointment_id: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    below: Place = TOP
    error: bool = False
    payload: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        jobs: Columns by name, long ones cut. Times are ISO 8601 text, UTC where the column has no zone.
        end: Where the next page begins; None after the last.
    """

    jobs: list[dict[str, Any]]
    end: Place | None


# One index scan for each state, each of them in order and ended after a page: so a rare state costs no more than a
# frequent one, whatever the planner believes of either. The expressions are those of the indexes, letter by letter.
_LIST = """
select left(page.id, {name}) as id, left(page.salon_id, {name}) as salon_id, left(page.client_id, {name}) as client_id,
    left(page.appointment_id, {name}) as appointment_id, left(page.type, {name}) as type, page.status, page.attempts,
    page.max_attempts, page.tie, to_json(page.created_at) #>> '{}' as created_at,
    to_json(page.updated_at) #>> '{}' as updated_at, to_json(page.processed_at) #>> '{}' as processed_at,
    case when $11 then left(page.error, {text}) end as error,
    case when $12 then left(page.payload::text, {text}) end as payload
from (
    select listed.* from unnest($1::text[]) wanted(state) cross join lateral (
        select id::text, salon_id::text, client_id::text, appointment_id::text, type::text, status::text, attempts,
            max_attempts, error::text, payload, created_at, updated_at, processed_at, {tie} as tie
        from {table} j
        where ('' || status) = wanted.state and {listed} and {whose}
            and (created_at, {tie}) < ($2::text::{created_type}, $3::bigint)
            and (created_at, {tie}) < ($4::text::timestamptz{created_zone}, $5::bigint)
            and created_at >= $6::text::timestamptz{created_zone}
            and ($7::text is null or type::text = $7) and ($8::text is null or appointment_id::text = $8)
        order by created_at desc, {tie} desc fetch first $9 rows with ties
    ) listed
    order by created_at desc, tie desc fetch first $9 rows with ties
) page
order by page.created_at desc, page.tie desc
"""


def _fill(whose: str) -> str:
    lengths = {"{name}": str(LONGEST_NAME), "{text}": str(LONGEST_TEXT)}
    pieces = {"{whose}": whose, "{tie}": TIE, "{listed}": LISTED, "{salon}": SALON, **lengths}
    sql = _LIST
    for placeholder, piece in pieces.items():
        sql = sql.replace(placeholder, piece)
    return sql


LIST_ALL = _fill("$10::text is null")
LIST_SALON = _fill("""{salon} = hashtextextended($10::text collate "C", 0) and salon_id::text = $10""")


async def list_jobs(store: Store, wanted: Wanted) -> Page:
    """Return one page.

    Args:
        store: The database, on connections whose plans are the planner's.
        wanted: Which jobs; its texts are free of NUL, which PostgreSQL refuses.

    Raises:
        PlaceUnreadable: `wanted.below` is no place of this table.
        notifyd.store.pool.DatabaseUnavailable: No answer in time.
    """
    try:
        rows = await store.fetch(
            LIST_ALL if wanted.salon_id is None else LIST_SALON,
            list(wanted.statuses),
            wanted.below.created_at,
            wanted.below.tie,
            wanted.created_to.isoformat() if wanted.created_to else TOP.created_at,
            LOWEST_TIE if wanted.created_to else TOP.tie,
            wanted.created_from.isoformat() if wanted.created_from else "-infinity",
            wanted.type,
            wanted.appointment_id,
            wanted.limit + 1,  # one more tells whether there is a next page
            wanted.salon_id,
            wanted.error,
            wanted.payload,
            timeout=LIST_LIMIT,
        )
    except asyncpg.DataError as error:  # of all that is sent only the place may be no time, or no number of 64 bits
        raise PlaceUnreadable from error
    places = [Place(row["created_at"], row["tie"]) for row in rows]
    length = _length(places, wanted.limit)
    jobs = [dict(row) for row in rows[:length]]
    for job in jobs:
        del job["tie"]
        for column in ("created_at", "updated_at", "processed_at"):
            job[column] = _moment(job[column], store.table.has_zone(column))
    return Page(jobs, places[length - 1] if len(rows) > wanted.limit else None)


def _length(places: Sequence[Place], limit: int) -> int:
    """Return how many rows make the page: as many as asked for, and those that share the last one's place."""
    length = min(limit, len(places))
    while 0 < length < len(places) and places[length] == places[length - 1]:
        length += 1
    return length


def _moment(text: str | None, has_zone: bool) -> str | None:
    """Say that it is UTC, where the column does not; what no calendar holds stays as PostgreSQL writes it."""
    if text is None or has_zone or text.endswith(("infinity", "BC")):
        return text
    return f"{text}+00:00"
