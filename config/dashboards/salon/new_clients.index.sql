create index concurrently if not exists clients_created on clients (salon_id, created_at)
