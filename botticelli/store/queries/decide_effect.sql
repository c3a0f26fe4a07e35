-- A person's answer to a question that is open and has not run out. The first one counts.
-- in: key, status (approved or rejected), by, reason, seconds (for so long an approval holds)
-- returns: key, or nothing when there is no such question
update effects
set status = :status, decided_by = :by, decided_at = clock_timestamp(), decision_reason = nullif(:reason, ''),
    expires_at = now() + make_interval(secs => :seconds),
    finished_at = case when :status = 'rejected' then clock_timestamp() end,
    error = case when :status = 'rejected' then 'rejected by ' || :by || coalesce(': ' || nullif(:reason, ''), '') end
where key = :key and status = 'waiting' and expires_at > now()
returning key
