-- Stores granted tickets, of new iterations or of one that waits to be admitted again.
-- in: run_id, numbers, tickets (each a text of JSON; arrays of one length), grace_seconds
-- returns: number, publishes
insert into iterations (run_id, number, status, ticket, due_at, publishes)
select :run_id, granted.number, 'queued', cast(granted.ticket as jsonb), now() + make_interval(secs => :grace_seconds), 1
from unnest(cast(:numbers as bigint[]), cast(:tickets as text[])) as granted (number, ticket)
on conflict (run_id, number) do update
set ticket = excluded.ticket,
    due_at = excluded.due_at,
    publishes = iterations.publishes + 1
returning number, publishes
