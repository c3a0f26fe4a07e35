-- Writes the last acts of iterations of one run that end in this transaction, and the outcomes of their requests: the rows of
-- record_acts.sql and those of settle_draws.sql in one statement.
-- in: run_id, numbers (an array), rows (a JSON array of objects with the names of the columns of `acts`), settled (the same of
--     `ledger`)
with given as (
    select *
    from jsonb_populate_recordset(cast(null as acts), cast(:rows as jsonb))
), recorded as (
    {write_acts.sql}
), outcomes as (
    select *
    from jsonb_populate_recordset(cast(null as ledger), cast(:settled as jsonb))
)
{write_outcomes.sql}
  and ledger.run_id = :run_id
  and ledger.number = any (cast(:numbers as bigint[]))
