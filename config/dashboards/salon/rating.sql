-- A mean of doubles is rounded twice: first to where its noise ends.
select round(round(avg(rating)::numeric, 6), 1) as average, count(rating) as count
from reviews where salon_id = :salon_id and is_approved
