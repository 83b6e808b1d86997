create index concurrently if not exists conversations_started on conversations (salon_id, started_at)
