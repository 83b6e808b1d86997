create index concurrently if not exists appointments_start on appointments (salon_id, start_time)
include (status, location_id)
