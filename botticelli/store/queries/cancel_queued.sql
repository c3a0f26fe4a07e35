-- Cancels the iterations of a run that wait to be claimed or admitted. The caller counts what they used.
-- in: run_id
-- returns: number, ticket (as it was) of the cancelled iterations
with chosen as (
    select number, ticket from iterations where run_id = :run_id and status = 'queued'
    order by number
    for update
)
update iterations
set status = 'cancelled', ticket = null, parked_for = null, due_at = null, finished_at = clock_timestamp(), fencing_token = fencing_token + 1
from chosen
where iterations.run_id = :run_id and iterations.number = chosen.number
returning chosen.number, chosen.ticket
