-- Sums up requests and tokens of each scope in steps of equal length, counted back from now (step 0 is the newest).
-- in: step_seconds, steps
-- returns: scope, step, requests, tokens (unknown outcomes count as estimated)
select spent.scope,
       floor(extract(epoch from now() - ledger.drawn_at) / :step_seconds)::integer as step,
       count(*) filter (where outcome <> 'not_sent') as requests,
       coalesce(sum(case ledger.outcome when 'unknown' then ledger.estimated_tokens
                                        else ledger.input_tokens + ledger.output_tokens end), 0)::bigint as tokens
from ledger
cross join lateral (
    select ledger.scope as scope
    union
    select element ->> 'scope' from jsonb_array_elements(ledger.shares) as element
) as spent
where ledger.drawn_at > now() - make_interval(secs => :step_seconds * :steps) and ledger.drawn_at <= now()
group by spent.scope, step
