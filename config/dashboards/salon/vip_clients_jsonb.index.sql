create index concurrently if not exists clients_vip on clients (salon_id) where is_active and tags @> '["VIP"]'
