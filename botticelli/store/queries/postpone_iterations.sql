-- Postpones the next check of unclaimed iterations; those that are `lost` are to be published again.
-- Waits double with each message, up to a minute. Iterations that were claimed or published meanwhile are skipped.
-- Rows are locked in order of run and number, as everywhere.
-- in: run_ids, numbers, publishes, lost (arrays of one length), grace_seconds
-- returns: run_id, number, publishes of those that are to be published now
with seen as (
    select unclaimed.*
    from iterations
    join unnest(
        cast(:run_ids as text[]), cast(:numbers as bigint[]), cast(:publishes as int[]), cast(:lost as boolean[])
    ) as unclaimed (run_id, number, publishes, lost)
        on iterations.run_id = unclaimed.run_id
        and iterations.number = unclaimed.number
        and iterations.publishes = unclaimed.publishes
    where iterations.status = 'queued'
      and iterations.ticket is not null
    order by iterations.run_id, iterations.number
    for update of iterations
),
changed as (
    update iterations
    set publishes = seen.publishes + seen.lost::int,
        due_at = now() + make_interval(
            secs => least(60, :grace_seconds * power(2, least(seen.publishes - 1 + seen.lost::int, 10)))
        )
    from seen
    where iterations.run_id = seen.run_id
      and iterations.number = seen.number
    returning iterations.run_id, iterations.number, iterations.publishes, seen.lost
)
select run_id, number, publishes from changed where lost
