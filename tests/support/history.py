"""What the ledger said and takes back: every state of every delivery, written down by a trigger of the test's own."""

import asyncpg

_KEEP = """
create table delivery_history (seq bigint generated always as identity, job_id text, channel text, state text);
create function note_delivery() returns trigger
    language plpgsql security definer set search_path = public, pg_temp as $$
begin
    insert into delivery_history (job_id, channel, state) values (new.job_id, new.channel, new.state);
    return null;
end
$$;
create trigger note_delivery after insert or update on notifyd.deliveries
    for each row execute function note_delivery();
"""


async def keep_history(owner: asyncpg.Connection) -> None:
    """Write down, from now on, each state that a delivery takes."""
    await owner.execute(_KEEP)


async def doubted_mails(owner: asyncpg.Connection) -> set[str]:
    """Return to whom an e-mail was once in doubt (`unknown`): who may have received a copy."""
    rows = await owner.fetch(
        """select distinct payload::jsonb #>> '{data,clientEmail}' as address
           from delivery_history join notification_jobs on id::text = job_id
           where channel = 'email' and state = 'unknown'"""
    )
    return {row["address"] for row in rows}
