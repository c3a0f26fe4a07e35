-- Computes a quantile of the tokens of the last calls of an act, input and output together; repair calls don't count.
-- in: narrative, act, model, quantile, limit
-- returns: samples, tokens (0 without any sample)
select count(*) as samples,
       coalesce(percentile_disc(cast(:quantile as double precision)) within group (order by tokens), 0) as tokens
from (
    select input_tokens + output_tokens as tokens
    from ledger
    where narrative = :narrative and act = :act and model = :model and outcome = 'settled'
      and not is_repair
    order by settled_at desc
    limit :limit
) as recent
