-- Gives queued iterations of one run to a worker. The attempt is counted here, before any work, so that an iteration that
-- kills its workers ends. Rows are locked in order of their numbers, as everywhere. Times are those of the statement, since the
-- transaction may have waited for the run's row.
-- in: run_id, numbers (an array), worker, lease_seconds
-- returns: the run's fields (see IterationSteps), then number, attempt, fencing_token, ticket, retries_used, started_at; no row where
--          there is nothing to claim (done, taken, paused, cancelled)
with due as (
    select iterations.number
    from iterations
    join runs on runs.id = iterations.run_id
    where iterations.run_id = :run_id
      and iterations.number = any (cast(:numbers as bigint[]))
      and iterations.status = 'queued'
      and iterations.ticket is not null
      and runs.status in ('running', 'waiting')
      and runs.ending is null
    order by iterations.number
    for update of iterations
), claimed as (
    update iterations
    set status = 'running',
        worker = :worker,
        attempt = iterations.attempt + 1,
        fencing_token = iterations.fencing_token + 1,
        lease_until = clock_timestamp() + make_interval(secs => :lease_seconds),
        started_at = coalesce(iterations.started_at, clock_timestamp()),
        due_at = null
    from due
    where iterations.run_id = :run_id
      and iterations.number = any (cast(:numbers as bigint[]))
      and iterations.number = due.number
    returning iterations.number, iterations.attempt, iterations.fencing_token, iterations.ticket, iterations.retries_used,
              iterations.started_at
)
select runs.*, claimed.*
from claimed
join runs on runs.id = :run_id
