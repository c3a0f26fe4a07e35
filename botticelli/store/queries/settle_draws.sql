-- Records the outcomes of requests. A row that has one already is left unchanged.
-- in: rows (a JSON array of objects with the names of the columns)
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
from jsonb_populate_recordset(cast(null as ledger), cast(:rows as jsonb)) as outcomes
where ledger.draw_id = outcomes.draw_id
  and ledger.outcome = 'drawn'
