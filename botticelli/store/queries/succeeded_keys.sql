-- Finds the keys of rows that have succeeded in an earlier run of a narrative.
-- Row `number` belongs to iteration (number - 1) / batch_rows + 1, with the batch_rows of the snapshot of its run.
-- in: narrative, keys (an array)
-- returns: key, each once
select distinct item.key
from run_items as item
join runs on runs.id = item.run_id
join iterations
    on iterations.run_id = item.run_id
    and iterations.number
        = (item.number - 1) / coalesce((runs.snapshot #>> '{carousel,batch_rows}')::bigint, 1) + 1
where item.key = any (cast(:keys as text[]))
  and runs.narrative = :narrative
  and not runs.rehearse
  and iterations.status = 'succeeded'
