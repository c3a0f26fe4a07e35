-- Requests a heartbeat of a queue if one is due. An answered canary starts a new request; an unanswered one is published
-- again, each time after twice the wait, since its message may have been lost.
-- in: queue, interval_seconds
-- returns: publishes; no row when none is due
insert into canaries (queue) values (:queue)
on conflict (queue) do update
set asked_at = case when canaries.answered_at >= canaries.asked_at then now() else canaries.asked_at end,
    publishes = case when canaries.answered_at >= canaries.asked_at then 1 else canaries.publishes + 1 end,
    published_at = now()
where canaries.published_at <= now() - make_interval(secs => :interval_seconds *
    case when canaries.answered_at >= canaries.asked_at then 1 else power(2, least(canaries.publishes - 1, 4)) end)
returning publishes
