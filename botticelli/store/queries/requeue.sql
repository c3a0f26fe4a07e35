-- Takes an iteration from a worker that is lost or hands it back. It needs a new ticket before it runs again.
-- in: run_id, number, fencing_token, retries_used, lost (1: its worker is lost, 0: its worker hands it back),
--     parked_for (the approval that it needs before it is admitted again; null: none)
-- returns: number; no row when the fencing_token or the status of the iteration has changed since
update iterations
set status = 'queued',
    worker = null,
    lease_until = null,
    due_at = null,
    ticket = null,
    publishes = 0,
    parked_for = :parked_for,
    fencing_token = fencing_token + 1,
    retries_used = :retries_used,
    lost_count = lost_count + :lost
where run_id = :run_id and number = :number and fencing_token = :fencing_token and status = 'running'
returning number
