-- The first statement of every transaction of a worker: are these iterations still mine? Lengthens their leases as well.
-- Rows are locked in order of run and number, as everywhere.
-- in: run_ids, numbers, fences (arrays of one length), lease_seconds
-- returns: run_id, number, fence, and status, ending and hold of the run; no row of an iteration that another worker holds,
--          or that has ended
with held as (
    select iterations.run_id, iterations.number, asked.fence
    from iterations
    join unnest(cast(:run_ids as text[]), cast(:numbers as bigint[]), cast(:fences as bigint[]))
        as asked (run_id, number, fence)
        on iterations.run_id = asked.run_id and iterations.number = asked.number and iterations.fence = asked.fence
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
returning held.run_id, held.number, held.fence, runs.status, runs.ending, runs.hold
