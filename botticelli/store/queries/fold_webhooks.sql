-- Adds the webhooks that arrived in an interval to the totals of metrics: of all, and of each webhook.
-- in: after, until (of received_at)
insert into metric_totals (metric, labels, bucket, value)
select
  case when grouping(webhook) = 1 then 'botticelli_webhook_deliveries' else 'botticelli_webhook_requests' end,
  array[case when grouping(webhook) = 1 then 'in' else webhook end, outcome], -1, count(*)
from webhook_deliveries
where received_at > :after and received_at <= :until
group by grouping sets ((outcome), (webhook, outcome))
order by 1, 2
on conflict (metric, labels, bucket) do update set value = metric_totals.value + excluded.value
