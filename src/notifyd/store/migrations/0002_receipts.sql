-- What the ledger must know so that a provider can be asked for a message in doubt, and what was heard of it later.

alter table notifyd.deliveries
    add column sender       text,
    add column recipient    text,
    add column fingerprint  text,
    add column proof        text,
    add column receipt      text check (receipt in ('accepted', 'undelivered', 'delivered')),
    add column receipt_code text,
    add column receipt_at   timestamptz,
    add column resends      integer not null default 0,
    add check ((receipt is null) = (receipt_at is null));
comment on column notifyd.deliveries.fingerprint is 'By what the text is recognised in the provider''s list; null where no provider can be asked.';
comment on column notifyd.deliveries.proof is 'The provider''s id by which an inquiry proved the message; one id proves one delivery.';
comment on column notifyd.deliveries.receipt is 'How far the message came after the provider took it, as far as is known. It only goes forward.';
comment on column notifyd.deliveries.resends is 'How often it was sent again because the provider reported that it had not arrived.';

-- None of these columns changes when an outcome is written, which therefore stays a heap-only update.
create unique index deliveries_proof on notifyd.deliveries (proof) where proof is not null;
create index deliveries_twins on notifyd.deliveries (recipient, fingerprint) where fingerprint is not null;
