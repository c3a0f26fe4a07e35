-- Tasks that were published, or should have been, and that nobody has claimed in time. They may be lost, or only wait.
-- in: limit
-- returns: run_id, number, publishes, ticket, narrative; those first that have been due for longest
select iterations.run_id, iterations.number, iterations.publishes, iterations.ticket, runs.narrative
from iterations
join runs on runs.id = iterations.run_id
where iterations.status = 'queued'
  and iterations.ticket is not null
  and iterations.due_at <= now()
  and runs.status in ('running', 'waiting')
order by iterations.due_at
limit :limit
