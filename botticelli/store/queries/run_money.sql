-- Reads what a run has spent and may yet spend, for its cap on money. The caller has locked the run's row.
-- in: run_id, narrative, act, model, samples, quantile
-- returns: spent (ended iterations, answers of open ones, and the estimates of calls with an unknown outcome; null when a
--          cost is unknown); in_flight (the sum of the estimates of open calls) and calls (their number); blind (how many
--          of them are of an act and a model of which no cost is known yet); usual and dearest (a quantile and the maximum
--          of the cost of the act's last calls of this model, in all runs of the narrative; null without any)
select case when opened.unknown then null else runs.cost_usd + opened.settled + lost.usd end as spent,
       opened.in_flight,
       opened.calls,
       opened.blind,
       past.usual,
       past.dearest
from runs
cross join lateral (
    select coalesce(sum(cost_usd) filter (where outcome = 'settled'), 0) as settled,
           coalesce(bool_or(cost_usd is null) filter (where outcome = 'settled'), false) as unknown,
           coalesce(sum(estimated_cost_usd) filter (where outcome = 'drawn'), 0) as in_flight,
           count(*) filter (where outcome = 'drawn') as calls,
           count(*) filter (where outcome = 'drawn' and not exists (
               select from ledger as before
               where before.narrative = ledger.narrative and before.act = ledger.act and before.model = ledger.model
                 and before.outcome = 'settled' and before.cost_usd is not null
           )) as blind
    from ledger
    where ledger.run_id = runs.id
      and number in (select number from iterations where iterations.run_id = runs.id and status in ('queued', 'running'))
) as opened
cross join lateral (
    select coalesce(sum(estimated_cost_usd), 0) as usd from ledger where ledger.run_id = runs.id and outcome = 'unknown'
) as lost
cross join lateral (
    select percentile_disc(:quantile) within group (order by cost_usd) as usual, max(cost_usd) as dearest
    from (
        select cost_usd
        from ledger
        where narrative = :narrative and act = :act and model = :model and outcome = 'settled' and cost_usd is not null
        order by settled_at desc
        limit :samples
    ) as recent
) as past
where runs.id = :run_id
