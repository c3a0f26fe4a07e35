-- Adds the iterations that ended in an interval to the totals of metrics. Copies in a forked run, which were not performed
-- there, are older than their own rows and are left out.
-- in: after, until (of finished_at)
insert into metric_totals (metric, labels, bucket, value)
select 'botticelli_iterations', array[runs.narrative, iterations.status], -1, count(*)
from iterations
join runs on runs.id = iterations.run_id
where iterations.finished_at > :after and iterations.finished_at <= :until
  and iterations.finished_at >= iterations.created_at
group by runs.narrative, iterations.status
order by runs.narrative, iterations.status
on conflict (metric, labels, bucket) do update set value = metric_totals.value + excluded.value
