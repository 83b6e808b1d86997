select round(avg(rating::numeric), 1) as average, count(rating) as count
from reviews where salon_id = :salon_id and is_approved
