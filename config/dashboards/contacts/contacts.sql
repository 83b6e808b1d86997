select
    coalesce(max(n) filter (where is_total), 0) as total,
    coalesce(json_object_agg(role, n) filter (where is_role), '{}') as "byRole",
    coalesce(json_object_agg(production, n) filter (where is_production), '{}') as "byProduction"
from (
    select role, production, count(*) as n,
        grouping(role, production) = 3 as is_total,
        grouping(role, production) = 1 as is_role,
        grouping(role, production) = 2 as is_production
    from (
        select coalesce(role::text, 'none') as role, coalesce(production::text, 'none') as production
        from contacts where user_id = :user_id
    ) mine
    group by grouping sets ((), (role), (production))
) counted
