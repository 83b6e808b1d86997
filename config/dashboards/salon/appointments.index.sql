create index concurrently if not exists appointments_met on appointments (salon_id, start_time)
include (location_id) where coalesce(status, '') not in ('cancelled', 'no_show')
