-- Writes act rows as write_acts.sql does, for a transaction that has checked the leases of their iterations.
-- in: rows (a JSON array of objects with the names of the columns)
-- returns: as write_acts.sql
with given as (
    select *
    from jsonb_populate_recordset(cast(null as acts), cast(:rows as jsonb))
)
{write_acts.sql}
