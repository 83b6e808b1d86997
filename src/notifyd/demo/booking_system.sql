-- The booking system's own tables, as its own migrations would make them: notifyd is not named here.
-- notification_jobs has the columns, types, defaults and indexes of a Prisma model.

create table if not exists salons (
    id        text primary key,
    name      text not null,
    address   text not null,
    email     text not null,
    time_zone text not null
);

create table if not exists clients (
    id       text primary key,
    salon_id text not null references salons (id),
    name     text not null,
    email    text,
    phone    text
);

create table if not exists appointments (
    id        text primary key,
    salon_id  text not null references salons (id),
    client_id text not null references clients (id),
    service   text not null,
    staff     text,
    starts_at timestamptz not null,
    ends_at   timestamptz not null
);

create table if not exists notification_jobs (
    id             text not null,
    salon_id       text not null,
    client_id      text not null,
    appointment_id text,
    type           text not null,
    payload        text not null,
    status         text not null default 'pending',
    attempts       integer not null default 0,
    max_attempts   integer not null default 3,
    error          text,
    created_at     timestamp(3) without time zone not null default current_timestamp,
    updated_at     timestamp(3) without time zone not null,
    processed_at   timestamp(3) without time zone,
    constraint notification_jobs_pkey primary key (id)
);

create index if not exists notification_jobs_status_created_at_idx on notification_jobs (status, created_at);
create index if not exists notification_jobs_status_attempts_idx on notification_jobs (status, attempts);
