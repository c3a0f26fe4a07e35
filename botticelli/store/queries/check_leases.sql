-- Checks that a worker still holds its iterations, and renews their leases: the first statement of each of its transactions.
-- Rows are locked in order of run and number, as everywhere.
-- in: run_ids, numbers, fencing_tokens (arrays of one length), lease_seconds
-- returns: run_id, number, fencing_token, and status, ending and hold of the run; no row of an iteration that another worker holds,
--          or that has ended
with held as (
    select iterations.run_id, iterations.number, claim.fencing_token
    from iterations
    join unnest(cast(:run_ids as text[]), cast(:numbers as bigint[]), cast(:fencing_tokens as bigint[]))
        as claim (run_id, number, fencing_token)
        on iterations.run_id = claim.run_id and iterations.number = claim.number and iterations.fencing_token = claim.fencing_token
    where iterations.status = 'running'
    order by iterations.run_id, iterations.number
    for update of iterations
)
update iterations
set lease_until = now() + make_interval(secs => :lease_seconds)
from held
join runs on runs.id = held.run_id
where iterations.run_id = held.run_id
  and iterations.number = held.number
returning held.run_id, held.number, held.fencing_token, runs.status, runs.ending, runs.hold
