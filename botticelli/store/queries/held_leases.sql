-- Part of a statement: the iterations that their worker still holds. Their rows are locked in order of run and number, as
-- everywhere, and leases of which a tenth is over are renewed: a new version of the row costs more than its lock.
-- in: run_ids, numbers, fencing_tokens (arrays of one length), lease_seconds
-- defines: held with run_id, number, fencing_token; no row of an iteration that another worker holds, or that has ended
held as (
    select iterations.run_id, iterations.number, claim.fencing_token, iterations.lease_until
    from iterations
    join unnest(cast(:run_ids as text[]), cast(:numbers as bigint[]), cast(:fencing_tokens as bigint[]))
        as claim (run_id, number, fencing_token)
        on iterations.run_id = claim.run_id and iterations.number = claim.number and iterations.fencing_token = claim.fencing_token
    where iterations.run_id = any (cast(:run_ids as text[]))
      and iterations.number = any (cast(:numbers as bigint[]))
      and iterations.status = 'running'
    order by iterations.run_id, iterations.number
    for update of iterations
), renewed as (
    update iterations
    set lease_until = now() + make_interval(secs => :lease_seconds)
    from held
    where iterations.run_id = any (cast(:run_ids as text[]))
      and iterations.number = any (cast(:numbers as bigint[]))
      and iterations.run_id = held.run_id
      and iterations.number = held.number
      and held.lease_until < now() + make_interval(secs => 0.9 * :lease_seconds)
)
