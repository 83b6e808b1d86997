"""Takes note of jobs that the booking system has cancelled: it sets the status, and nothing else.

A cancelled row without `processed_at` has not been taken note of: it is counted from the table, and no retention
touches it. Noted, it has ended at that moment, is counted for good, and waits for nothing any more. A row that a
transaction of the booking system holds is left to the next turn.
"""

from notifyd.store.pool import Store

NOTE = """
with called_off as materialized (
    select id from {table}
    where (status || '') = 'cancelled' and processed_at is null
    order by updated_at limit $1 for no key update skip locked
), noted as (
    update {table} j set processed_at = {processed_now} from called_off where j.id = called_off.id
    returning notifyd.job_key(j.id::text) as job_key, {finished_hour} as hour, {salon_key} as salon_key, {type} as type
), unscheduled as (
    delete from notifyd.schedule s using noted where s.job_key = noted.job_key
), changes as (
    select hour, salon_key, type, 'job' as channel, 'cancelled' as outcome, count(*) as n, 0 as purged
    from noted group by hour, salon_key, type
), {tally}
select count(*) as noted from noted
"""


async def note(store: Store, limit: int) -> int:
    """Take note of at most `limit` jobs.

    Returns:
        How many there were.
    """
    return int((await store.fetchrow(NOTE, limit))["noted"])
