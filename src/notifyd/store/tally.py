"""How our statements count what they change: pieces of SQL that several of them share.

A statement that settles, loses or deletes something lists it in a CTE named `changes`, and ends with `{tally}`: one row
in `notifyd.tallies`, however many jobs it was about. Rows there are only added, so that statements of many daemons
never wait for each other's counts; `store.rollups` folds them.
"""

import hashlib
from functools import lru_cache

TALLY = """tallied as (
    insert into notifyd.tallies (counts)
    select array_agg(cast(row(hour, salon_key, type, channel, outcome, n, purged) as notifyd.tally))
    from changes having count(*) > 0
)"""
"""The last CTE: writes down `changes(hour, salon_key, type, channel, outcome, n, purged)`; nothing changed, no row."""

PARTS = """lateral (values
        (state, case when state in ('sent', 'failed', 'suppressed', 'unknown') then times else 0 end),
        ('segments', case when state = 'sent' then segments else 0 end)
    ) as part(outcome, n)"""
"""What deliveries count for, `n` of each `outcome`; so many `times` one of a `state`, with `segments` in all."""

PARTIAL = "bool_or(state = 'sent') and bool_or(state in ('failed', 'suppressed'))"
"""Whether a completed job is partial, aggregated over the `state` of its deliveries: one was sent, one was given up."""

PURGED = """case part.outcome when 'unknown' then -part.n else 0 end as n,
        case part.outcome when 'unknown' then 0 else part.n end as purged"""
"""What such deliveries count for when their rows are deleted: no longer in doubt; the rest stays counted."""

LONGEST_TYPE = 64
"""Characters of a type that are told apart in the counts: a type is a stranger's text."""

NO_TYPE = "(none)"
"""Under which jobs without a type are counted; an empty type stands for all types."""


@lru_cache(maxsize=1_000)
def salon_key(salon_id: str) -> str:
    """Return what `notifyd.job_key(salon_id)` is: there are few salons, and many messages of each."""
    return hashlib.sha256(salon_id.encode()).hexdigest()[:32]
