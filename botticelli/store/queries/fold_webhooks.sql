-- Adds the webhooks that arrived in an interval to the totals of metrics.
-- in: after, until (of received_at)
insert into metric_totals (metric, labels, bucket, value)
select 'botticelli_webhook_deliveries', array['in', outcome], -1, count(*)
from webhook_deliveries
where received_at > :after and received_at <= :until
group by outcome
order by outcome
on conflict (metric, labels, bucket) do update set value = metric_totals.value + excluded.value
