-- Says that runs are due, and since when no worker has swept; sweeping workers date the duty's row every second.
-- in: duty, seconds
-- returns: last_seen_at (null: never), due_runs, due_since; no row when a worker has swept in these seconds, or no run is due
select max(duties.taken_at) as last_seen_at, count(*) as due_runs,
    min(coalesce(runs.due_at, runs.started_at, runs.created_at)) as due_since
from runs left join duties on duties.name = :duty
where runs.status in ('queued', 'running', 'waiting')
    and coalesce(runs.due_at, runs.created_at) <= now() - make_interval(secs => :seconds)
    and (duties.taken_at is null or duties.taken_at <= now() - make_interval(secs => :seconds))
having count(*) > 0
