create index concurrently if not exists bookings_created on bookings (salon_id, created_at)
