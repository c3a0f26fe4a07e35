-- Computes the usage of the last calls of an act, without repairs: of each figure its 10th and 50th percentile and maximum.
-- in: narrative, act, model, limit, service
-- returns: samples; tokens, input_tokens, output_tokens (arrays of three, null without any sample);
--          cost_usd (null when the cost of any of the calls is unknown, or another service answered it); seconds (the median)
select count(*) as samples,
       percentile_disc(array[0.1, 0.5, 1]::double precision[]) within group (order by input_tokens + output_tokens) as tokens,
       percentile_disc(array[0.1, 0.5, 1]::double precision[]) within group (order by input_tokens) as input_tokens,
       percentile_disc(array[0.1, 0.5, 1]::double precision[]) within group (order by output_tokens) as output_tokens,
       case when count(cost_usd) = count(*) and bool_and(service = :service)
            then percentile_disc(array[0.1, 0.5, 1]::double precision[]) within group (order by cost_usd)
       end as cost_usd,
       coalesce(percentile_disc(0.5) within group (order by extract(epoch from settled_at - drawn_at)), 0)::float as seconds
from (
    select input_tokens, output_tokens, cost_usd, settled_at, drawn_at,
           coalesce(split_part(price ->> 'service', '+', 1), 'standard') as service
    from ledger
    where narrative = :narrative and act = :act and model = :model and outcome = 'settled'
      and not is_repair
    order by settled_at desc
    limit :limit
) as recent
