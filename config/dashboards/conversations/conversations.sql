select count(*) from conversations
where salon_id = :salon_id
    and started_at >= coalesce(:from, :current_start) and started_at < coalesce(:to_end, :next_start)
