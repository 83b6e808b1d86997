create index concurrently if not exists payments_completed on payments (salon_id, created_at)
include (location_id, total_amount, refund_amount) where status = 'completed'
