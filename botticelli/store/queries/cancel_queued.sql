-- No iteration starts any more: those that wait to be claimed or admitted are cancelled, and what they used is counted.
-- in: run_id
-- returns: number, ticket (as it was) of the cancelled iterations
with chosen as (
    select number, ticket from iterations where run_id = :run_id and status = 'queued'
    order by number
    for update
), cancelled as (
    update iterations
    set status = 'cancelled', ticket = null, due_at = null, finished_at = clock_timestamp(), fence = fence + 1
    from chosen
    where iterations.run_id = :run_id and iterations.number = chosen.number
    returning chosen.number, chosen.ticket
), used as (
    select coalesce(sum(input_tokens), 0) as input_tokens,
           coalesce(sum(cached_tokens), 0) as cached_tokens,
           coalesce(sum(reasoning_tokens), 0) as reasoning_tokens,
           coalesce(sum(output_tokens), 0) as output_tokens,
           coalesce(sum(cost_usd), 0) as cost_usd
    from acts
    where run_id = :run_id and number in (select number from chosen)
), counted as (
    update runs
    set input_tokens = runs.input_tokens + used.input_tokens,
        cached_tokens = runs.cached_tokens + used.cached_tokens,
        reasoning_tokens = runs.reasoning_tokens + used.reasoning_tokens,
        output_tokens = runs.output_tokens + used.output_tokens,
        cost_usd = runs.cost_usd + used.cost_usd
    from used
    where runs.id = :run_id
)
select number, ticket from cancelled
