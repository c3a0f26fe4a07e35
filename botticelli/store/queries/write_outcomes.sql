-- Records the `outcomes` of requests, which the statement around this one defines: rows of `ledger`. A row that has an outcome
-- already is left unchanged.
update ledger
set outcome = outcomes.outcome,
    settled_at = outcomes.settled_at,
    input_tokens = outcomes.input_tokens,
    cached_tokens = outcomes.cached_tokens,
    output_tokens = outcomes.output_tokens,
    reasoning_tokens = outcomes.reasoning_tokens,
    cache_write_tokens = outcomes.cache_write_tokens,
    cache_write_long_tokens = outcomes.cache_write_long_tokens,
    usage_doubtful = coalesce(outcomes.usage_doubtful, false),
    cost_usd = outcomes.cost_usd,
    price = outcomes.price,
    failure = outcomes.failure,
    recorded_at = clock_timestamp()
from outcomes
where ledger.draw_id = outcomes.draw_id
  and ledger.outcome = 'drawn'
