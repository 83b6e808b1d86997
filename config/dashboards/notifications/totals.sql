-- An hour counts in the month in which it begins: its bounds are UTC's, and salons are known half an hour off them.
select
    coalesce(sum(n) filter (where channel <> 'job' and outcome = 'sent'), 0) as sent,
    coalesce(sum(n) filter (where channel <> 'job' and outcome = 'failed'), 0) as failed,
    coalesce(sum(n) filter (where channel <> 'job' and outcome = 'suppressed'), 0) as suppressed,
    coalesce(sum(n) filter (where channel = 'sms' and outcome = 'segments'), 0) as segments
from notifyd.counts
where salon_key = notifyd.job_key(:salon_id) and hour >= :current_start and hour < :next_start
