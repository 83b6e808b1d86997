create index concurrently if not exists contacts_user on contacts (user_id) include (role, production)
