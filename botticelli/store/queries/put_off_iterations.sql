-- Of tasks that nobody has claimed: those that are `lost` get another message, all are looked at again later.
-- Waits double with each message, up to a minute; what was claimed or published by another sweep meanwhile is passed over.
-- Rows are locked in order of run and number, as everywhere.
-- in: run_ids, numbers, publishes, lost (arrays of one length), grace_seconds
-- returns: run_id, number, publishes of those that are to be published now
with seen as (
    select asked.*
    from iterations
    join unnest(
        cast(:run_ids as text[]), cast(:numbers as bigint[]), cast(:publishes as int[]), cast(:lost as boolean[])
    ) as asked (run_id, number, publishes, lost)
        on iterations.run_id = asked.run_id
        and iterations.number = asked.number
        and iterations.publishes = asked.publishes
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
