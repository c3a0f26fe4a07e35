-- Checks that a worker still holds its iterations, and renews their leases: the first statement of each of its transactions.
-- in: run_ids, numbers, fencing_tokens (arrays of one length), lease_seconds
-- returns: run_id, number, fencing_token, and status, ending and hold of the run; no row of an iteration that another worker holds,
--          or that has ended
with
{held_leases.sql}
select held.run_id, held.number, held.fencing_token, runs.status, runs.ending, runs.hold
from held
join runs on runs.id = held.run_id
