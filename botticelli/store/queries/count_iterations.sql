-- Adds ended iterations to the counters of their run, which the caller has locked, and counts its open iterations as
-- open_iterations.sql does.
-- in: run_id, numbers (an array), succeeded and failed (how many of them)
-- returns: the run's fields (see IterationSteps); in_flight, waiting_number, waiting_attempt, parked
-- Their usage is read from the ledger: answers, and tries that failed after an answer had begun. An unknown cost of one
-- call makes the cost of the run unknown. The outcome is no condition of the rows, for which an index of all runs would be read.
with counted as (
    update runs
    set succeeded = runs.succeeded + :succeeded,
        failed = runs.failed + :failed,
        input_tokens = runs.input_tokens + used.input_tokens,
        cached_tokens = runs.cached_tokens + used.cached_tokens,
        reasoning_tokens = runs.reasoning_tokens + used.reasoning_tokens,
        cache_write_tokens = runs.cache_write_tokens + used.cache_write_tokens,
        cache_write_long_tokens = runs.cache_write_long_tokens + used.cache_write_long_tokens,
        output_tokens = runs.output_tokens + used.output_tokens,
        cost_usd = case when used.unknown then null else runs.cost_usd + used.cost_usd end
    from (
        select coalesce(sum(input_tokens) filter (where outcome = 'settled'), 0) as input_tokens,
               coalesce(sum(cached_tokens) filter (where outcome = 'settled'), 0) as cached_tokens,
               coalesce(sum(reasoning_tokens) filter (where outcome = 'settled'), 0) as reasoning_tokens,
               coalesce(sum(cache_write_tokens) filter (where outcome = 'settled'), 0) as cache_write_tokens,
               coalesce(sum(cache_write_long_tokens) filter (where outcome = 'settled'), 0) as cache_write_long_tokens,
               coalesce(sum(output_tokens) filter (where outcome = 'settled'), 0) as output_tokens,
               coalesce(sum(cost_usd) filter (where outcome = 'settled'), 0) as cost_usd,
               coalesce(bool_or(cost_usd is null) filter (where outcome = 'settled'), false) as unknown
        from ledger
        where run_id = :run_id and number = any (cast(:numbers as bigint[]))
    ) as used
    where runs.id = :run_id
    returning runs.*
), opened as (
    {open_iterations.sql}
)
select counted.*, opened.*
from counted
cross join opened
