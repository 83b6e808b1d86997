-- This month's are all of them, also those still to come.
select count(*)
from appointments
where salon_id = :salon_id and coalesce(status, '') not in ('cancelled', 'no_show')
    and start_time >= :since and start_time < :until
    and (:location_id is null or location_id = :location_id)
