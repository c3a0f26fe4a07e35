-- Writes the final status of a run; its other columns stay, so that it can be resumed.
-- in: run_id, status, reason (or null)
update runs
set status = :status,
    ending = :status,
    reason = :reason,
    due_at = null,
    waiting_for = null,
    hold = null,
    finished_at = clock_timestamp()
where id = :run_id
