-- A message costs fractions of a cent: to a millionth, where the noise of doubles ends.
select round(coalesce(sum(cost), 0)::numeric, 6) from messages
where salon_id = :salon_id
    and created_at >= coalesce(:from, :current_start) and created_at < coalesce(:to_end, :next_start)
