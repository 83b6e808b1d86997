-- What was done, counted when it is done, so that the counts cost nothing to read and outlive the rows.
-- A statement of ours that changes what is counted adds one row to `tallies`; a chore folds them into `rollups`.

create type notifyd.tally as (
    hour      timestamptz,
    salon_key uuid,
    type      text,
    channel   text,
    outcome   text,
    n         bigint,
    purged    bigint
);
comment on type notifyd.tally is 'So many more of an outcome, and so many of them whose rows retention has deleted.';

create table notifyd.tallies (
    id     bigint generated always as identity primary key,
    counts notifyd.tally[] not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, toast_tuple_target = 8160);
comment on table notifyd.tallies is 'What one statement has changed, until it is folded. Only ever added to: no two writers meet.';
alter table notifyd.tallies alter column counts set storage external;

create table notifyd.rollups (
    salon_key uuid not null,
    hour      timestamptz not null,
    type      text not null,
    channel   text not null check (channel in ('job', 'email', 'sms')),
    outcome   text not null,
    n         bigint not null,
    purged    bigint not null,
    primary key (salon_key, hour, type, channel, outcome)
) with (fillfactor = 80);
comment on table notifyd.rollups is 'How many jobs, messages and SMS segments came to an outcome, by salon, hour (UTC) and type; and totals of these.';
comment on column notifyd.rollups.salon_key is 'notifyd.job_key(salon_id); 0 in every digit: all salons, of all types.';
comment on column notifyd.rollups.hour is 'When it came to that; -infinity: all time, of all types.';
comment on column notifyd.rollups.type is 'At most 64 characters, (none) where it was empty; empty: all types.';
comment on column notifyd.rollups.n is 'Of outcome `unknown`: how many are in doubt now. Of every other: how many there ever were.';
comment on column notifyd.rollups.purged is 'How many of these have no row any more, because we have deleted it.';

create view notifyd.counts as
    select salon_key, hour, type, channel, outcome, n, purged from notifyd.rollups
    where salon_key <> '00000000-0000-0000-0000-000000000000' and hour <> '-infinity' and type <> ''
    union all
    select t.salon_key, t.hour, t.type, t.channel, t.outcome, t.n, t.purged
    from notifyd.tallies, unnest(tallies.counts) t;
comment on view notifyd.counts is 'Every salon, hour and type, what is not folded yet included; there may be several rows of one.';

-- So that a message can be counted when its job's row is gone. What was sent before counts as of no salon and no type
-- until `migrate` has looked it up; its segments are not known any more.
alter table notifyd.deliveries
    add column salon_key uuid not null default 'e3b0c442-98fc-1c14-9afb-f4c8996fb924', -- notifyd.job_key('')
    add column type      text not null default '(none)',
    add column segments  integer not null default 0;
comment on column notifyd.deliveries.segments is 'What the SMS costs: how many messages the provider charges for.';
