select type, channel,
    coalesce(sum(n) filter (where outcome = 'sent'), 0) as sent,
    coalesce(sum(n) filter (where outcome = 'failed'), 0) as failed,
    coalesce(sum(n) filter (where outcome = 'suppressed'), 0) as suppressed,
    coalesce(sum(n) filter (where outcome = 'segments'), 0) as segments
from notifyd.counts
where salon_key = notifyd.job_key(:salon_id) and hour >= :current_start and hour < :next_start and channel <> 'job'
group by type, channel
order by type, channel
