-- Lengthen the leases of everything one worker process is performing, in one statement.
-- in: run_ids, numbers, fences (arrays of one length), lease_seconds
-- returns: run_id, number of those that are still held; the others have been given to somebody else
update iterations
set lease_until = now() + make_interval(secs => :lease_seconds)
from unnest(cast(:run_ids as text[]), cast(:numbers as bigint[]), cast(:fences as bigint[])) as held (run_id, number, fence)
where iterations.run_id = held.run_id
  and iterations.number = held.number
  and iterations.fence = held.fence
  and iterations.status = 'running'
returning iterations.run_id, iterations.number
