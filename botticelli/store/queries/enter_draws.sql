-- Adds ledger rows for requests that are about to be sent.
-- in: rows (a JSON array of objects with the names of the columns)
insert into ledger (draw_id, run_id, number, narrative, act, model, attempt, scope, shares, outcome, estimated_tokens,
                    estimated_cost_usd, drawn_at, is_repair)
select draw_id, run_id, number, narrative, act, model, attempt, scope, shares, 'drawn', estimated_tokens,
       estimated_cost_usd, drawn_at, is_repair
from jsonb_populate_recordset(cast(null as ledger), cast(:rows as jsonb))
on conflict do nothing
