-- Everything that notifyd knows beyond the booking system's own table lives in this schema.
-- Tables are keyed by job_key: an id of the booking system may be longer than an index entry can hold.

-- Declared stable, as convert_to is, and without a search_path of its own: only so does the planner inline it, and every
-- claim calls it for every row.
create function notifyd.job_key(job_id text) returns uuid
    language sql stable parallel safe
    return cast(
        pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(job_id, 'UTF8')), 'hex'), 1, 32) as uuid
    );
comment on function notifyd.job_key is 'A key of fixed length for an id of any length: the first 128 bits of its SHA-256.';

create sequence notifyd.lease_ids;
comment on sequence notifyd.lease_ids is 'Lease ids are never used twice, so a late writer cannot be taken for its successor.';

create table notifyd.leases (
    job_key    uuid primary key,
    job_id     text not null,
    lease_id   bigint not null default nextval('notifyd.lease_ids'),
    daemon     text not null,
    expires_at timestamptz not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
comment on table notifyd.leases is 'The right to settle a job: one row while a daemon holds it. Whoever removes the row settles.';
-- No index but the key: there are never more rows than jobs in flight, and each is written twice a job.

create table notifyd.schedule (
    job_key   uuid primary key,
    job_id    text not null,
    due_at    timestamptz not null,
    waits_for text,
    reason    text
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
comment on table notifyd.schedule is 'When a scheduled job falls due, or the paused channels of which it waits for one, if that is all.';
create index schedule_due_at on notifyd.schedule (due_at) where waits_for is null;
create index schedule_waits_for on notifyd.schedule (waits_for, due_at) where waits_for is not null;

create table notifyd.deliveries (
    job_key     uuid not null,
    channel     text not null check (channel in ('email', 'sms')),
    job_id      text not null,
    lease_id    bigint not null,
    state       text not null check (state in ('intended', 'retrying', 'sent', 'failed', 'suppressed', 'unknown')),
    provider_id text,
    reason      text,
    intended_at timestamptz not null default now(),
    settled_at  timestamptz,
    primary key (job_key, channel),
    check ((state = 'intended') = (settled_at is null))
) with (fillfactor = 70);
comment on table notifyd.deliveries is 'The ledger: one row for each channel of a job that was ever about to be sent.';
-- No index on the state: an outcome is then a heap-only update.

create table notifyd.suppressions (
    channel    text not null check (channel in ('email', 'sms')),
    sender     text not null,
    recipient  text not null,
    reason     text not null,
    job_id     text,
    created_at timestamptz not null default now(),
    primary key (channel, sender, recipient)
);
comment on table notifyd.suppressions is 'Recipients that must not be contacted again by this sender on this channel.';

-- The two trigger functions run inside the booking's transaction. They touch no table, their search_path is pinned, and
-- nothing in them can fail a booking.

create function notifyd.fill_job() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC' -- now() becomes UTC in a timestamp without zone, and the same instant in one with
    as $$
begin
    new.id := coalesce(new.id::text, gen_random_uuid()::text);
    new.status := coalesce(new.status, 'pending');
    new.attempts := coalesce(new.attempts, 0);
    new.max_attempts := coalesce(new.max_attempts, 3);
    new.created_at := coalesce(new.created_at, now());
    new.updated_at := coalesce(new.updated_at, now());
    return new;
end
$$;
comment on function notifyd.fill_job is 'Fills what a plain INSERT leaves out and a client library would have supplied.';

create function notifyd.wake() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
    as $$
begin
    perform pg_notify('notifyd', '');
    return null;
end
$$;
comment on function notifyd.wake is 'Wakes the daemons. Identical notifications of one transaction collapse into one.';
