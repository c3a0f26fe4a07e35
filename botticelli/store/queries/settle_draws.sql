-- Records the outcomes of requests as write_outcomes.sql does.
-- in: rows (a JSON array of objects with the names of the columns)
with outcomes as (
    select *
    from jsonb_populate_recordset(cast(null as ledger), cast(:rows as jsonb))
)
{write_outcomes.sql}
