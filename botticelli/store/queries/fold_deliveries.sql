-- Adds the deliveries of notices that ended in an interval to the totals of metrics.
-- in: after, until (of finished_at)
insert into metric_totals (metric, labels, bucket, value)
select 'botticelli_webhook_deliveries', array['out', status], -1, count(*)
from notice_deliveries
where finished_at > :after and finished_at <= :until
group by status
order by status
on conflict (metric, labels, bucket) do update set value = metric_totals.value + excluded.value
