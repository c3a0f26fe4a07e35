-- Adds the runs that ended in an interval to the totals of metrics, with how long they took from their first admission.
-- in: after, until (of finished_at); run_edges: the upper bounds of the buckets, negated, ascending
with ended as materialized (
    select status, greatest(0, extract(epoch from finished_at - coalesce(started_at, created_at)))::float as seconds
    from runs
    where finished_at > :after and finished_at <= :until
), points (metric, labels, bucket, value) as (
    select 'botticelli_runs_finished', array[status], -1, 1 from ended
    union all
    select 'botticelli_run_duration_seconds', array[]::text[],
           cardinality(cast(:run_edges as float[])) - width_bucket(-seconds, cast(:run_edges as float[])), 1
    from ended
    union all
    select 'botticelli_run_duration_seconds', array[]::text[], -1, seconds from ended
)
insert into metric_totals (metric, labels, bucket, value)
select metric, labels, bucket, sum(value) from points group by metric, labels, bucket order by metric, labels, bucket
on conflict (metric, labels, bucket) do update set value = metric_totals.value + excluded.value
