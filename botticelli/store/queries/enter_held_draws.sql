-- Adds ledger rows for requests that are about to be sent by iterations that their worker still holds, and renews the leases: the
-- guard of check_leases.sql and the rows of enter_draws.sql in one statement. Nothing is added when the run is to end, or is paused
-- at once.
-- in: run_ids, numbers, fencing_tokens (arrays of one length), lease_seconds, rows (a JSON array of objects with the names of the
--     ledger's columns, and fencing_token)
-- returns: run_id, number, fencing_token, and status, ending and hold of the run; no row of an iteration that another worker holds,
--          or that has ended
with
{held_leases.sql}
, intended as (
    select held.run_id, held.number, held.fencing_token, runs.status, runs.ending, runs.hold
    from held
    join runs on runs.id = held.run_id
), requests as (
    select cast(request ->> 'fencing_token' as bigint) as fencing_token, entry.*
    from jsonb_array_elements(cast(:rows as jsonb)) as request
    cross join jsonb_populate_record(cast(null as ledger), request) as entry
), entered as (
    insert into ledger (draw_id, run_id, number, narrative, act, model, attempt, scope, shares, outcome, estimated_tokens,
                        estimated_cost_usd, drawn_at, is_repair)
    select requests.draw_id, requests.run_id, requests.number, narrative, act, model, attempt, scope, shares, 'drawn',
           estimated_tokens, estimated_cost_usd, drawn_at, is_repair
    from requests
    join intended on intended.run_id = requests.run_id and intended.number = requests.number
        and intended.fencing_token = requests.fencing_token
    where intended.ending is null
      and not (intended.status = 'paused' and coalesce(intended.hold, '') = 'now')
    on conflict do nothing
)
select run_id, number, fencing_token, status, ending, hold
from intended
