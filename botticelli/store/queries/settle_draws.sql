-- What came of requests. Each once: a row that is settled already stays as it is.
-- in: rows (a JSON array of objects with the names of the columns)
update ledger
set outcome = came.outcome,
    settled_at = came.settled_at,
    input_tokens = came.input_tokens,
    cached_tokens = came.cached_tokens,
    output_tokens = came.output_tokens,
    reasoning_tokens = came.reasoning_tokens,
    usage_doubtful = coalesce(came.usage_doubtful, false),
    cost_usd = came.cost_usd
from jsonb_populate_recordset(cast(null as ledger), cast(:rows as jsonb)) as came
where ledger.draw_id = came.draw_id
  and ledger.outcome = 'drawn'
