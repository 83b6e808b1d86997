create index concurrently if not exists reviews_approved on reviews (salon_id) include (rating) where is_approved
