-- Finds the first iteration up to a number that has not succeeded or failed, including those that never began.
-- in: run_id, last
-- returns: number; no row when all are finished
select expected.number
from generate_series(1, cast(:last as bigint)) as expected (number)
left join iterations on iterations.run_id = :run_id and iterations.number = expected.number
where coalesce(iterations.status, '') not in ('succeeded', 'failed')
order by expected.number
limit 1
