-- Writes act rows, and the outcomes of their requests, of iterations that their worker still holds, and renews the leases: the
-- guard of check_leases.sql, the rows of record_acts.sql and those of settle_draws.sql in one statement.
-- in: run_ids, numbers, fencing_tokens (arrays of one length), lease_seconds, rows (a JSON array of objects with the names of the
--     columns of `acts`), settled (the same of `ledger`, and fencing_token)
-- returns: run_id, number, fencing_token of those that are held
with
{held_leases.sql}
, given as (
    select act.*
    from jsonb_populate_recordset(cast(null as acts), cast(:rows as jsonb)) as act
    join held on held.run_id = act.run_id and held.number = act.number and held.fencing_token = act.fencing_token
), recorded as (
    {write_acts.sql}
), outcomes as (
    select outcome.*
    from jsonb_array_elements(cast(:settled as jsonb)) as request
    cross join jsonb_populate_record(cast(null as ledger), request) as outcome
    join held on held.run_id = outcome.run_id and held.number = outcome.number
        and held.fencing_token = cast(request ->> 'fencing_token' as bigint)
), settled as (
    {write_outcomes.sql}
      and ledger.run_id = any (cast(:run_ids as text[]))
      and ledger.number = any (cast(:numbers as bigint[]))
)
select run_id, number, fencing_token
from held
