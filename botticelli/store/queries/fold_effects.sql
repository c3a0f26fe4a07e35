-- Adds the effects that ended in an interval to the totals of metrics.
-- in: after, until (of finished_at)
insert into metric_totals (metric, labels, bucket, value)
select 'botticelli_effects_finished', array[platform, status], -1, count(*)
from effects
where finished_at > :after and finished_at <= :until
group by platform, status
order by platform, status
on conflict (metric, labels, bucket) do update set value = metric_totals.value + excluded.value
