select coalesce(json_object_agg(status, n), '{}')
from (select status, count(*) as n from jobs where user_id = :user_id group by status) each_status
