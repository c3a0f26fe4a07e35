-- Reads the delivery to a target that has been due for longest.
-- in: target
-- returns: the notice, attempts (before this one), now (seconds since 1970)
select notices.id, notices.type, notices.run_id, notices.narrative, notices.tags, notices.tenant, notices.data,
    notices.created_at, delivery.attempts, extract(epoch from clock_timestamp())::float as now
from notice_deliveries as delivery join notices on notices.id = delivery.notice_id
where delivery.target = :target and delivery.status = 'pending' and delivery.due_at <= now()
order by delivery.due_at, notices.created_at, notices.id
limit 1
