-- The harness' own record of what became of jobs and deliveries. It is written by triggers, in the very transactions that
-- change them, so that nothing the daemons do to their ledger afterwards can hide what it said before.

create schema chaos;

create table chaos.history (
    seq    bigint generated always as identity primary key,
    at     timestamptz not null default clock_timestamp(),
    job_id text not null,
    what   text not null check (what in ('job', 'email', 'sms')),
    state  text,
    detail text
);

create function chaos.note_job() returns trigger
    language plpgsql
    security definer -- the daemons' role has no rights in this schema
    set search_path = pg_catalog, pg_temp
    as $$
begin
    insert into chaos.history (job_id, what, state, detail)
    values (new.id, 'job', new.status, concat_ws(' ', 'attempts', new.attempts, new.error));
    return null;
end
$$;

create trigger chaos_note after insert or update on notification_jobs
    for each row execute function chaos.note_job();

create function chaos.note_delivery() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    as $$
begin
    insert into chaos.history (job_id, what, state, detail)
    values (new.job_id, new.channel, new.state, concat_ws(' ', 'lease', new.lease_id, new.provider_id, new.reason));
    return null;
end
$$;

create trigger chaos_note after insert or update on notifyd.deliveries
    for each row execute function chaos.note_delivery();
