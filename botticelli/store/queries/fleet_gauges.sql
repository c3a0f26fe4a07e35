-- Reads what is open now: unfinished runs, iterations in flight, effects that somebody has to look at, schedules that are late,
-- deliveries that wait. Reads partial indexes of open rows only, so that its cost doesn't grow with the history.
-- in: lease_seconds (of a new ticket: its end, by Redis's clock, tells when the ticket was granted)
-- returns: metric, labels, value
select 'botticelli_runs', array[status], count(*)::float from runs where finished_at is null group by status
union all
select 'botticelli_ready_iterations', array[]::text[], count(*)::float
from iterations where status = 'queued' and ticket is not null
union all
select 'botticelli_oldest_ready_seconds', array[]::text[], greatest(0, coalesce(max(
    extract(epoch from clock_timestamp()) + :lease_seconds - (ticket ->> 'lease_until_ms')::float / 1000
), 0))::float
from iterations where status = 'queued' and ticket is not null
union all
select 'botticelli_running_iterations', array[]::text[], count(*)::float from iterations where status = 'running'
union all
select 'botticelli_worker_busy_threads', array[worker], count(*)::float
from iterations where status = 'running' and worker is not null group by worker
union all
select 'botticelli_effects', array[status], count(*)::float
from effects where status in ('waiting', 'approved', 'intended', 'unknown') group by status
union all
select 'botticelli_effects_oldest_waiting_seconds', array[]::text[], coalesce(max(
    extract(epoch from clock_timestamp() - intended_at)
), 0)::float
from effects where status = 'waiting'
union all
select 'botticelli_schedule_overdue_seconds', array[]::text[], greatest(0, coalesce(
    extract(epoch from clock_timestamp() - min(next_at)), 0
))::float
from schedules where next_at is not null
union all
select 'botticelli_pending_deliveries', array[]::text[], count(*)::float from notice_deliveries where status = 'pending'
