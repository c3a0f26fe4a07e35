-- Lists admitted iterations that no worker has claimed in time. Their messages may be lost, or only wait in the queue.
-- in: limit
-- returns: run_id, number, publishes, ticket, narrative; the longest due first
select iterations.run_id, iterations.number, iterations.publishes, iterations.ticket, runs.narrative
from iterations
join runs on runs.id = iterations.run_id
where iterations.status = 'queued'
  and iterations.ticket is not null
  and iterations.due_at <= now()
  and runs.status in ('running', 'waiting')
order by iterations.due_at
limit :limit
