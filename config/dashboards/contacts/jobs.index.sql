create index concurrently if not exists jobs_user on jobs (user_id, status)
