-- Records the approval or rejection of an effect whose request is open and has not expired. The first decision is final.
-- Edited arguments replace those that were prepared, which are kept beside them.
-- in: key, status (approved or rejected), by, reason, seconds (how long an approval is valid), args (json; null: as prepared)
-- returns: key; no row when no request is open
update effects
set status = :status, decided_by = :by, decided_at = clock_timestamp(), decision_reason = nullif(:reason, ''),
    expires_at = now() + make_interval(secs => :seconds),
    args = coalesce(cast(:args as jsonb), args),
    prepared_args = case when cast(:args as jsonb) is not null then args end,
    finished_at = case when :status = 'rejected' then clock_timestamp() end,
    error = case when :status = 'rejected' then 'rejected by ' || :by || coalesce(': ' || nullif(:reason, ''), '') end
where key = :key and status = 'waiting' and expires_at > now()
returning key
