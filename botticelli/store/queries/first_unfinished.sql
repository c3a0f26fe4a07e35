-- The first iteration up to a number that has not succeeded or failed, one that never began included.
-- in: run_id, last
-- returns: number; no row when all are finished
select wanted.number
from generate_series(1, cast(:last as bigint)) as wanted (number)
left join iterations on iterations.run_id = :run_id and iterations.number = wanted.number
where coalesce(iterations.status, '') not in ('succeeded', 'failed')
order by wanted.number
limit 1
