select count(*) from clients where salon_id = :salon_id and is_active
