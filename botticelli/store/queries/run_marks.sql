-- Returns a text for each of the runs :ids that differs as soon as something has happened that its watchers are told of.
-- Reads the rows of iterations that are running, and the counters of the run for those that have ended.
select
  runs.id,
  concat_ws(
    ' ', status, ending, hold, reason, dispatched, succeeded, failed, finished_at,
    (select max(run_actions.id) from run_actions where run_actions.run_id = runs.id),
    (
      select string_agg(concat_ws(',', number, attempt, finished.last, done.last), ';' order by number)
      from iterations
      cross join lateral (
        select max(acts.finished_at) as last from acts
        where acts.run_id = iterations.run_id and acts.number = iterations.number
      ) as finished
      cross join lateral (
        select max(effects.finished_at) as last from effects
        where effects.run_id = iterations.run_id and effects.number = iterations.number
      ) as done
      where iterations.run_id = runs.id and iterations.status = 'running'
    )
  ) as mark
from runs
where runs.id = any(:ids)
