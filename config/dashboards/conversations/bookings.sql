select count(*) from bookings
where salon_id = :salon_id
    and created_at >= coalesce(:from, :current_start) and created_at < coalesce(:to_end, :next_start)
