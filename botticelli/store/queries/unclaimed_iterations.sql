-- Tasks that were published, or should have been, and that nobody has claimed in time: due for another message.
-- Waits double with each message, up to a minute; rows that another sweep is looking at are passed over.
-- in: limit, grace_seconds
-- returns: run_id, number, publishes, ticket, narrative
with due as (
    select iterations.run_id, iterations.number, runs.narrative
    from iterations
    join runs on runs.id = iterations.run_id
    where iterations.status = 'queued'
      and iterations.ticket is not null
      and iterations.due_at <= now()
      and runs.status in ('running', 'waiting')
    order by iterations.due_at
    limit :limit
    for update of iterations skip locked
)
update iterations
set publishes = publishes + 1,
    due_at = now() + make_interval(secs => least(60, :grace_seconds * power(2, least(publishes, 10))))
from due
where iterations.run_id = due.run_id and iterations.number = due.number
returning iterations.run_id, iterations.number, iterations.publishes, iterations.ticket, due.narrative
