-- A message costs fractions of a cent: the sum is exact, and nothing of it is rounded away.
select coalesce(sum(cost::numeric), 0) from messages
where salon_id = :salon_id
    and created_at >= coalesce(:from, :current_start) and created_at < coalesce(:to_end, :next_start)
