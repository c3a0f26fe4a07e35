-- Stores granted tickets, of new iterations or of one that waits to be admitted again, and in the run's row, which the caller
-- has locked, that it goes on.
-- in: run_id, numbers, tickets (each a text of JSON; arrays of one length), grace_seconds, due_at (of the run, or null)
-- returns: number, publishes
with going_on as (
    update runs
    set status = 'running',
        dispatched = greatest(runs.dispatched, (select max(number) from unnest(cast(:numbers as bigint[])) as number)),
        started_at = coalesce(runs.started_at, clock_timestamp()),
        waiting_since = null,
        waiting_for = null,
        reason = null,
        due_at = :due_at
    where runs.id = :run_id
)
insert into iterations (run_id, number, status, ticket, due_at, publishes)
select :run_id, granted.number, 'queued', cast(granted.ticket as jsonb), now() + make_interval(secs => :grace_seconds), 1
from unnest(cast(:numbers as bigint[]), cast(:tickets as text[])) as granted (number, ticket)
on conflict (run_id, number) do update
set ticket = excluded.ticket,
    due_at = excluded.due_at,
    publishes = iterations.publishes + 1
returning number, publishes
