-- Adds waits that have ended to the totals of metrics, and refusals that Redis was not asked about, which counts its own (see
-- refusals.lua): of paused scopes, and of caps of runs. Deletes the rows of all waits.
-- in: wait_edges: the upper bounds of the buckets, negated, ascending
with ended as (
    delete from budget_waits returning scope, "window", waited_seconds
), points (metric, labels, bucket, value) as (
    select 'botticelli_budget_refusals', array[scope, "window"], -1, 1 from ended
    where waited_seconds is null and ("window" = 'paused' or scope = 'run')
    union all
    select 'botticelli_budget_wait_seconds', array[]::text[],
           cardinality(cast(:wait_edges as float[])) - width_bucket(-waited_seconds, cast(:wait_edges as float[])), 1
    from ended where waited_seconds is not null
    union all
    select 'botticelli_budget_wait_seconds', array[]::text[], -1, waited_seconds
    from ended where waited_seconds is not null
)
insert into metric_totals (metric, labels, bucket, value)
select metric, labels, bucket, sum(value) from points group by metric, labels, bucket order by metric, labels, bucket
on conflict (metric, labels, bucket) do update set value = metric_totals.value + excluded.value
