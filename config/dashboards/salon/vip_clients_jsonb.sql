-- tags is jsonb
select count(*) from clients where salon_id = :salon_id and is_active and tags @> '["VIP"]'
