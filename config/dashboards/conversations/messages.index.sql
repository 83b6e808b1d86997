create index concurrently if not exists messages_created on messages (salon_id, created_at) include (cost)
