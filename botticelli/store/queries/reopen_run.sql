-- Resumes or retries a run: failed and cancelled iterations are executed again; finished iterations and acts stay.
-- Failed acts and rejected answers get the fencing_token 0: they count no more for the acts that are performed again.
-- The usage of reopened iterations is subtracted from the counters, and added again when they finish.
-- A paused run stays paused.
-- in: run_id
-- returns: how many iterations were reopened
with reopened as (
    update iterations
    set status = 'queued', ticket = null, due_at = null, lease_until = null, attempt = 0, retries_used = 0, lost_count = 0,
        error = null, finished_at = null, fencing_token = fencing_token + 1
    where run_id = :run_id and status in ('failed', 'cancelled')
    returning number
), forgiven as (
    update acts set fencing_token = 0 from reopened
    where acts.run_id = :run_id and acts.number = reopened.number
    and acts.status in ('failed', 'rejected')
), used as (
    select coalesce(sum(input_tokens), 0) as input_tokens,
           coalesce(sum(cached_tokens), 0) as cached_tokens,
           coalesce(sum(reasoning_tokens), 0) as reasoning_tokens,
           coalesce(sum(cache_write_tokens), 0) as cache_write_tokens,
           coalesce(sum(cache_write_long_tokens), 0) as cache_write_long_tokens,
           coalesce(sum(output_tokens), 0) as output_tokens,
           coalesce(sum(cost_usd), 0) as cost_usd
    from ledger
    where run_id = :run_id and outcome = 'settled' and number in (select number from reopened)
)
update runs
set status = case runs.status when 'paused' then 'paused' else 'running' end,
    ending = null,
    waiting_for = null,
    reason = case runs.status when 'paused' then runs.reason end,
    finished_at = null,
    waiting_since = null,
    due_at = case when runs.status <> 'paused' then now() end,
    failed = 0,
    input_tokens = runs.input_tokens - used.input_tokens,
    cached_tokens = runs.cached_tokens - used.cached_tokens,
    reasoning_tokens = runs.reasoning_tokens - used.reasoning_tokens,
    cache_write_tokens = runs.cache_write_tokens - used.cache_write_tokens,
    cache_write_long_tokens = runs.cache_write_long_tokens - used.cache_write_long_tokens,
    output_tokens = runs.output_tokens - used.output_tokens,
    cost_usd = runs.cost_usd - used.cost_usd
from used
where runs.id = :run_id
returning (select count(*) from reopened) as reopened
