-- A refund counts in the month of its payment.
select sum(total_amount - coalesce(refund_amount, 0))
from payments
where salon_id = :salon_id and status = 'completed'
    and created_at >= :since and created_at < :until
    and (:location_id is null or location_id = :location_id)
