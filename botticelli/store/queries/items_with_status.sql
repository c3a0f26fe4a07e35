-- Lists the rows of a run with what became of them: the status and the error of their iteration, `pending` before it exists.
-- in: run_id, after (number), limit, batch_rows, statuses (an array; empty: all)
-- returns: number, key, line, row, iteration, status, error
select item.number, item.key, item.line, item.row, (item.number - 1) / :batch_rows + 1 as iteration,
       coalesce(iterations.status, 'pending') as status, iterations.error
from run_items as item
left join iterations
    on iterations.run_id = item.run_id
    and iterations.number = (item.number - 1) / :batch_rows + 1
where item.run_id = :run_id
  and item.number > :after
  and (cardinality(cast(:statuses as text[])) = 0
       or coalesce(iterations.status, 'pending') = any (cast(:statuses as text[])))
order by item.number
limit :limit
