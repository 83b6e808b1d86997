-- A database without salons: days are UTC's.
select 'UTC' as timezone
