-- Lists the scopes of recent draws, each with its limits at its last draw.
-- in: seconds
-- returns: scope, share (json; null when the row has none)
select distinct on (spent.scope) spent.scope, spent.share
from ledger
cross join lateral (
    select ledger.scope as scope, null::jsonb as share
    where not ledger.shares @> jsonb_build_array(jsonb_build_object('scope', ledger.scope))
    union all
    select element ->> 'scope', element from jsonb_array_elements(ledger.shares) as element
) as spent
where ledger.drawn_at > now() - make_interval(secs => :seconds)
order by spent.scope, ledger.drawn_at desc
