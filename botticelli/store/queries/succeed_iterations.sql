-- Iterations of one run have succeeded: their final status and the run's counters, for those that are still held.
-- The run is locked by the caller, rows of iterations in order of their numbers. The clock's order is the order of the commits, as for every end of an iteration.
-- in: run_id, numbers, fences (arrays of one length)
-- returns: numbers that were still held (an array), succeeded, failed, input_tokens, cached_tokens, output_tokens,
--          cost_usd of the run; no row when none was
with held as (
    select iterations.number
    from iterations
    join unnest(cast(:numbers as bigint[]), cast(:fences as bigint[])) as asked (number, fence)
        on iterations.number = asked.number and iterations.fence = asked.fence
    where iterations.run_id = :run_id and iterations.status = 'running'
    order by iterations.number
    for update of iterations
),
ended as (
    update iterations
    set status = 'succeeded', error = null, finished_at = clock_timestamp(), ticket = null, lease_until = null, due_at = null
    from held
    where iterations.run_id = :run_id and iterations.number = held.number
    returning iterations.number
),
used as (
    select coalesce(sum(input_tokens), 0) as input_tokens,
           coalesce(sum(cached_tokens), 0) as cached_tokens,
           coalesce(sum(reasoning_tokens), 0) as reasoning_tokens,
           coalesce(sum(output_tokens), 0) as output_tokens,
           coalesce(sum(cost_usd), 0) as cost_usd,
           coalesce(bool_or(model is not null and cost_usd is null), false) as unknown
    from acts
    where run_id = :run_id and number in (select number from ended)
),
counted as (select array_agg(number) as numbers, count(*) as how_many from ended)
update runs
set succeeded = runs.succeeded + counted.how_many,
    input_tokens = runs.input_tokens + used.input_tokens,
    cached_tokens = runs.cached_tokens + used.cached_tokens,
    reasoning_tokens = runs.reasoning_tokens + used.reasoning_tokens,
    output_tokens = runs.output_tokens + used.output_tokens,
    cost_usd = case when used.unknown then null else runs.cost_usd + used.cost_usd end
from used, counted
where runs.id = :run_id and counted.how_many > 0
returning counted.numbers, runs.succeeded, runs.failed, runs.input_tokens, runs.cached_tokens, runs.output_tokens, runs.cost_usd
