-- Those still to come this month are in "current", and not in "current_to_date".
select
    count(*) filter (where start_time >= :current_start) as current,
    count(*) filter (where start_time < :current_start) as previous,
    count(*) filter (where start_time >= :current_start and start_time < :now) as current_to_date,
    count(*) filter (where start_time < :previous_to_date) as previous_to_date
from appointments
where salon_id = :salon_id and start_time >= :previous_start and start_time < :next_start
    and coalesce(status::text, '') not in ('cancelled', 'no_show')
    and (:location_id is null or location_id = :location_id)
