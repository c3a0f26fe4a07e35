-- Compares the actual usage of each act that spent from a scope with its estimates. Only settled draws count.
-- in: scope, seconds
-- returns: narrative, act, model, calls, doubtful_calls, estimated_tokens, actual_tokens (means of a call), p90_tokens
select narrative, act, model,
       count(*) as calls,
       round(avg(estimated_tokens))::bigint as estimated_tokens,
       round(avg(input_tokens + output_tokens))::bigint as actual_tokens,
       count(*) filter (where usage_doubtful) as doubtful_calls,
       percentile_disc(0.9) within group (order by input_tokens + output_tokens) as p90_tokens
from ledger
where outcome = 'settled'
  and drawn_at > now() - make_interval(secs => :seconds)
  and (scope = :scope or shares @> jsonb_build_array(jsonb_build_object('scope', cast(:scope as text))))
group by narrative, act, model
order by narrative, act, model
