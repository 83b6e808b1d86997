select coalesce(json_object_agg(status, n), '{}')
from (
    select coalesce(status::text, 'none') as status, count(*) as n
    from jobs where user_id = :user_id group by 1
) each_status
