select timezone from salons where id = :salon_id
