-- The first statement of every transaction of a worker: is this iteration still mine? Lengthens the lease as well.
-- in: run_id, number, fence, lease_seconds
-- returns: status, ending and hold of the run; no row when another worker holds the iteration, or when it has ended
update iterations
set lease_until = now() + make_interval(secs => :lease_seconds)
from runs
where iterations.run_id = :run_id
  and iterations.number = :number
  and iterations.fence = :fence
  and iterations.status = 'running'
  and runs.id = iterations.run_id
returning runs.status, runs.ending, runs.hold
