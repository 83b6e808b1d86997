-- Whoever has gone inactive since was a new client all the same.
select count(*) from clients where salon_id = :salon_id and created_at >= :since and created_at < :until
