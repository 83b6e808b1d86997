create index concurrently if not exists clients_active on clients (salon_id) where is_active
