-- Give a new run the iterations of another one: those before a number as they are, and of that one the first acts, if any.
-- What they cost was paid by the other run. The fence says that there are acts already.
-- in: old, new, before (number), position (so many acts of iteration `before` are copied)
with copied as (
    insert into iterations (run_id, number, status, attempt, fence, worker, error, started_at, finished_at)
    select :new, number, status, attempt, 1, worker, error, started_at, finished_at
    from iterations
    where run_id = :old and number < :before
    union all
    select :new, :before, 'queued', 0, 1, null, null, null, null
    where :position > 0
    returning number, status
), kept as (
    insert into acts (run_id, number, position, turn, name, status, prompt, output, error, model, finish_reason, fence,
                      cost_usd, started_at, finished_at)
    select :new, number, position, turn, name, status, prompt, output, error, model, finish_reason, 0,
           0, started_at, finished_at
    from acts
    where run_id = :old and (number < :before or (number = :before and position < :position and status <> 'failed'))
)
update runs
set dispatched = (select coalesce(max(number), 0) from copied),
    succeeded = (select count(*) from copied where status = 'succeeded'),
    failed = (select count(*) from copied where status = 'failed')
where id = :new
