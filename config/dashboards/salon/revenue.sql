-- A refund counts in the month of its payment. A double is taken as the 15 digits that it is exact to.
select
    round(coalesce(sum(amount) filter (where created_at >= :current_start), 0), 2) as current,
    round(coalesce(sum(amount) filter (where created_at < :current_start), 0), 2) as previous,
    round(coalesce(sum(amount) filter (where created_at >= :current_start and created_at < :now), 0), 2)
        as current_to_date,
    round(coalesce(sum(amount) filter (where created_at < :previous_to_date), 0), 2) as previous_to_date
from (
    select created_at, coalesce(total_amount::numeric, 0) - coalesce(refund_amount::numeric, 0) as amount
    from payments
    where salon_id = :salon_id and status = 'completed'
        and created_at >= :previous_start and created_at < :next_start
        and (:location_id is null or location_id = :location_id)
) paid
