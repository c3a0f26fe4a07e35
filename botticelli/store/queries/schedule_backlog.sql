-- Lists what goes on for a schedule that is locked: its unfinished runs, and its times that are buffered, oldest first.
-- in: schedule_id
-- returns: run_id (null for a buffered time), nominal_at, origin, reason (null for a run)
select id as run_id, created_at as since, null::timestamptz as nominal_at, null as origin, null as reason
from runs
where schedule_id = :schedule_id and finished_at is null
union all
select null, nominal_at, nominal_at, origin, reason
from firings
where schedule_id = :schedule_id and action = 'buffered'
order by since, run_id
