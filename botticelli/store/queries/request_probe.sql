-- Requests a heartbeat of a queue if one is due. An answered probe starts a new request; an unanswered one is published
-- again, each time after twice the wait, since its message may have been lost.
-- in: queue, interval_seconds
-- returns: publishes; no row when none is due
insert into probes (queue) values (:queue)
on conflict (queue) do update
set requested_at = case when probes.answered_at >= probes.requested_at then now() else probes.requested_at end,
    publishes = case when probes.answered_at >= probes.requested_at then 1 else probes.publishes + 1 end,
    published_at = now()
where probes.published_at <= now() - make_interval(secs => :interval_seconds *
    case when probes.answered_at >= probes.requested_at then 1 else power(2, least(probes.publishes - 1, 4)) end)
returning publishes
