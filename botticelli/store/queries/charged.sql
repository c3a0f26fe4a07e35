-- Sums up recent spending from scopes, a row for each scope and minute, to rebuild the counters of a Redis that lost them.
-- in: scopes (array), seconds
-- returns: scope, at (the last moment of the minute), requests, tokens, input_tokens, output_tokens, cost_microusd
-- A draw counts at the time of its settle, the later of its two times; one of unknown usage counts as estimated.
select spent.share ->> 'scope' as scope,
       max(coalesce(settled_at, drawn_at)) as at,
       sum((outcome <> 'not_sent')::integer) as requests,
       sum(case when guess then estimated_tokens else coalesce(input_tokens, 0) + coalesce(output_tokens, 0) end) as tokens,
       sum(case when guess then coalesce((spent.share ->> 'input_tokens')::bigint, 0)
                else coalesce(input_tokens, 0) - coalesce(cached_tokens, 0) end) as input_tokens,
       sum(case when guess then coalesce((spent.share ->> 'output_tokens')::bigint, 0)
                else coalesce(output_tokens, 0) end) as output_tokens,
       ceil(sum(case when guess then coalesce(estimated_cost_usd, 0) else coalesce(cost_usd, 0) end) * 1000000) as cost_microusd
from ledger
cross join lateral (select outcome in ('drawn', 'unknown') as guess) as known
cross join lateral jsonb_array_elements(ledger.shares) as spent (share)
where drawn_at > now() - make_interval(secs => :seconds + 3600)
  and coalesce(settled_at, drawn_at) > now() - make_interval(secs => :seconds)
  and spent.share ->> 'scope' = any(cast(:scopes as text[]))
group by spent.share ->> 'scope', date_trunc('minute', coalesce(settled_at, drawn_at))
order by at
