-- Give one queued iteration to a worker. The attempt is counted here, before any work, so that poison ends.
-- in: run_id, number, worker, lease_seconds
-- returns: attempt, fence, ticket, retries_used, started_at; no row when there is nothing to claim (done, taken, paused, cancelled)
update iterations
set status = 'running',
    worker = :worker,
    attempt = iterations.attempt + 1,
    fence = iterations.fence + 1,
    lease_until = now() + make_interval(secs => :lease_seconds),
    started_at = coalesce(iterations.started_at, now()),
    due_at = null
from runs
where iterations.run_id = :run_id
  and iterations.number = :number
  and iterations.status = 'queued'
  and iterations.ticket is not null
  and runs.id = iterations.run_id
  and runs.status in ('running', 'waiting')
  and runs.ending is null
returning iterations.attempt, iterations.fence, iterations.ticket, iterations.retries_used, iterations.started_at
