-- Records one attempt of a delivery, unless another thread recorded it first or the delivery has ended.
-- in: notice_id, target, attempts (before this one), status, answer, error, receipt (null: stays), wait_seconds
-- (null: due_at stays)
-- returns: notice_id
update notice_deliveries
set attempts = attempts + 1, status = :status, answer = :answer, error = :error, attempted_at = now(),
    receipt = coalesce(:receipt, receipt),
    due_at = case when cast(:wait_seconds as float) is null then due_at else now() + make_interval(secs => :wait_seconds) end,
    finished_at = case when :status = 'pending' then null else now() end
where notice_id = :notice_id and target = :target and status = 'pending' and attempts = :attempts
returning notice_id
