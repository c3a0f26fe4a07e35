-- Marks iterations of one run as succeeded, those that are still held, and reads the run, which the caller has locked.
-- Rows of iterations are locked in order of their numbers. `finished_at` follows the order of the commits, as for every end of an
-- iteration.
-- in: run_id, numbers, fencing_tokens (arrays of one length)
-- returns: the run's fields (see IterationSteps); in_flight, waiting_number, waiting_attempt, parked as open_iterations.sql does,
--          as they were before; an array of number and fencing_token of each that was still held
with held as (
    select iterations.number
    from iterations
    join unnest(cast(:numbers as bigint[]), cast(:fencing_tokens as bigint[])) as claim (number, fencing_token)
        on iterations.number = claim.number and iterations.fencing_token = claim.fencing_token
    where iterations.run_id = :run_id
      and iterations.number = any (cast(:numbers as bigint[]))
      and iterations.status = 'running'
    order by iterations.number
    for update of iterations
), ended as (
    update iterations
    set status = 'succeeded', error = null, finished_at = clock_timestamp(), ticket = null, lease_until = null, due_at = null
    from held
    where iterations.run_id = :run_id
      and iterations.number = any (cast(:numbers as bigint[]))
      and iterations.number = held.number
    returning iterations.number, iterations.fencing_token
), opened as (
    {open_iterations.sql}
)
select runs.*, opened.*, (select array_agg(array[ended.number, ended.fencing_token]) from ended)
from runs
cross join opened
where runs.id = :run_id
