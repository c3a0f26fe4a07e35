-- Counts the unfinished iterations of a run: those in flight, the first that waits to be admitted again, and how many are
-- parked until an effect is approved or rejected.
-- in: run_id
-- returns: in_flight; waiting_number and waiting_attempt (null when none waits); parked
select
    count(*) filter (where status = 'running' or ticket is not null) as in_flight,
    min(number) filter (where status = 'queued' and ticket is null and parked_for is null) as waiting_number,
    (array_agg(attempt order by number)
        filter (where status = 'queued' and ticket is null and parked_for is null))[1] as waiting_attempt,
    count(*) filter (where status = 'queued' and parked_for is not null) as parked
from iterations
where run_id = :run_id and status in ('queued', 'running')
