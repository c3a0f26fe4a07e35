-- Adds the firings of an interval to the totals of metrics, with how late those of the schedules themselves were.
-- in: after, until (of fired_at); lateness_edges: the upper bounds of the buckets, negated, ascending
with fired as materialized (
    select action, origin, greatest(0, extract(epoch from fired_at - nominal_at))::float as seconds
    from firings
    where fired_at > :after and fired_at <= :until
), points (metric, labels, bucket, value) as (
    select 'botticelli_firings', array[action], -1, 1 from fired
    union all
    select 'botticelli_schedule_lateness_seconds', array[]::text[],
           cardinality(cast(:lateness_edges as float[])) - width_bucket(-seconds, cast(:lateness_edges as float[])), 1
    from fired where origin = 'schedule' and action = 'started'
    union all
    select 'botticelli_schedule_lateness_seconds', array[]::text[], -1, seconds
    from fired where origin = 'schedule' and action = 'started'
)
insert into metric_totals (metric, labels, bucket, value)
select metric, labels, bucket, sum(value) from points group by metric, labels, bucket order by metric, labels, bucket
on conflict (metric, labels, bucket) do update set value = metric_totals.value + excluded.value
