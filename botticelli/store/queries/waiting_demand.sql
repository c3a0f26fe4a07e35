-- Lists runs that may want to start iterations, those that have waited for longest first, with their open iterations.
-- in: limit
-- returns: run_id, in_flight, ready (admitted, not begun), waiting_number, waiting_attempt, parked
select
    candidates.id as run_id,
    count(*) filter (where iterations.status = 'running' or iterations.ticket is not null) as in_flight,
    count(*) filter (where iterations.status = 'queued' and iterations.ticket is not null) as ready,
    min(iterations.number) filter (
        where iterations.status = 'queued' and iterations.ticket is null and iterations.parked_for is null
    ) as waiting_number,
    (array_agg(iterations.attempt order by iterations.number) filter (
        where iterations.status = 'queued' and iterations.ticket is null and iterations.parked_for is null
    ))[1] as waiting_attempt,
    count(*) filter (where iterations.status = 'queued' and iterations.parked_for is not null) as parked
from (
    select id, created_at from runs
    where finished_at is null and ending is null and status in ('queued', 'running', 'waiting')
    order by created_at
    limit :limit
) as candidates
left join iterations
    on iterations.run_id = candidates.id and iterations.status in ('queued', 'running')
group by candidates.id, candidates.created_at
order by candidates.created_at
