-- Copies the iterations of a run to a new one: those below a number as they are, and of that iteration its first acts.
-- Their cost stays with the old run. A fencing_token of 1 says that there are acts already.
-- in: old, new, before (number), position (how many acts of iteration `before` are copied)
with copied as (
    insert into iterations (run_id, number, status, attempt, fencing_token, worker, error, started_at, finished_at)
    select :new, number, status, attempt, 1, worker, error, started_at, finished_at
    from iterations
    where run_id = :old and number < :before
    union all
    select :new, :before, 'queued', 0, 1, null, null, null, null
    where :position > 0
    returning number, status
), copied_acts as (
    insert into acts (run_id, number, position, turn, attempt, verdict, name, status, prompt, output, error, model, finish_reason, fencing_token,
                      cost_usd, started_at, finished_at)
    select :new, number, position, turn, attempt, verdict, name, status, prompt, output, error, model, finish_reason, 0,
           0, started_at, finished_at
    from acts
    where run_id = :old and (number < :before or (number = :before and position < :position and status not in ('failed', 'repairing')))
)
update runs
set dispatched = (select coalesce(max(number), 0) from copied),
    succeeded = (select count(*) from copied where status = 'succeeded'),
    failed = (select count(*) from copied where status = 'failed')
where id = :new
