-- Recalls the tickets of iterations that no worker has claimed; they wait to be admitted again.
-- in: run_id
-- returns: number, ticket (as it was)
with chosen as (
    select number, ticket from iterations
    where run_id = :run_id and status = 'queued' and ticket is not null
    order by number
    for update
)
update iterations
set ticket = null, due_at = null
from chosen
where iterations.run_id = :run_id and iterations.number = chosen.number
returning chosen.number, chosen.ticket
