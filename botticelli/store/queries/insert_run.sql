-- Stores a new run, which is due at once; nothing when its id exists already.
-- in: the columns below, those of JSON as texts
-- returns: the run, when it is new: `returning` and the fields of Run are put behind it
insert into runs (id, narrative, source, iterations, snapshot, variables, request_sha256, concurrency, continue_on_error,
                  on_budget_exhausted, max_wait_seconds, max_tokens_total, max_cost_usd, estimated_cost_usd, estimated_tokens,
                  estimates, retries, tags, guilds, forked_from, forked_at, rehearse, demands, schedule_id, rows,
                  iterations_ready, status, cost_usd, due_at)
values (:id, :narrative, :source, :iterations, cast(:snapshot as jsonb), cast(:variables as jsonb), :request_sha256, :concurrency,
        :continue_on_error, :on_budget_exhausted, :max_wait_seconds, :max_tokens_total, :max_cost_usd, :estimated_cost_usd,
        :estimated_tokens, cast(:estimates as jsonb), :retries, cast(:tags as jsonb), cast(:guilds as jsonb), :forked_from,
        :forked_at, :rehearse, cast(:demands as jsonb), :schedule_id, :rows, :iterations_ready, 'queued', 0, now())
on conflict do nothing
