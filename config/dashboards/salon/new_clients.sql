-- Whoever has gone inactive since was a new client all the same.
select
    count(*) filter (where created_at >= :current_start) as current,
    count(*) filter (where created_at < :current_start) as previous,
    count(*) filter (where created_at >= :current_start and created_at < :now) as current_to_date,
    count(*) filter (where created_at < :previous_to_date) as previous_to_date
from clients
where salon_id = :salon_id and created_at >= :previous_start and created_at < :next_start
