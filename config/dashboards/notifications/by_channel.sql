select each.channel,
    coalesce(sum(n) filter (where outcome = 'sent'), 0) as sent,
    coalesce(sum(n) filter (where outcome = 'failed'), 0) as failed,
    coalesce(sum(n) filter (where outcome = 'suppressed'), 0) as suppressed,
    coalesce(sum(n) filter (where outcome = 'segments'), 0) as segments
from (values ('email'), ('sms')) each (channel)
left join notifyd.counts c on c.channel = each.channel
    and salon_key = notifyd.job_key(:salon_id) and hour >= :current_start and hour < :next_start
group by each.channel
order by each.channel
