-- Take an iteration from a worker that is lost, or that gives it back. A new ticket is asked for before it runs again.
-- in: run_id, number, fence, retries_used, lost (1: its worker is lost, 0: its worker gives it back),
--     parked_for (what a person has to decide before it is admitted again; null: nothing)
-- returns: number; no row when the iteration has moved on since
update iterations
set status = 'queued',
    worker = null,
    lease_until = null,
    due_at = null,
    ticket = null,
    publishes = 0,
    parked_for = :parked_for,
    fence = fence + 1,
    retries_used = :retries_used,
    losses = losses + :lost
where run_id = :run_id and number = :number and fence = :fence and status = 'running'
returning number
