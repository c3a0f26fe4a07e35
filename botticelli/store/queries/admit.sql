-- Store a granted ticket: a new iteration, or one that waits for its second admission.
-- in: run_id, number, ticket (json), grace_seconds
-- returns: publishes
insert into iterations (run_id, number, status, ticket, due_at, publishes)
values (:run_id, :number, 'queued', cast(:ticket as jsonb), now() + make_interval(secs => :grace_seconds), 1)
on conflict (run_id, number) do update
set ticket = excluded.ticket,
    due_at = excluded.due_at,
    publishes = iterations.publishes + 1
returning publishes
