-- Lists the scopes of recent draws, each with its limits at its last draw. Of each model's scope the last `draws` are read, so
-- that a day with a million of them costs no more than a day with a thousand.
-- in: seconds, draws
-- returns: scope, share (json; null when the row has none)
with recursive spent_from (scope) as ( -- each scope once, by one look into the index for each
    (select scope from ledger order by scope limit 1)
    union all
    select (select ledger.scope from ledger where ledger.scope > spent_from.scope order by ledger.scope limit 1)
    from spent_from
    where spent_from.scope is not null
)
select distinct on (spent.scope) spent.scope, spent.share
from spent_from
cross join lateral (
    select ledger.scope, ledger.shares, ledger.drawn_at
    from ledger
    -- a range of pairs, which only the index of both finds: that of the times alone has all draws of all other scopes
    where (ledger.scope, ledger.drawn_at) > (spent_from.scope, now() - make_interval(secs => :seconds))
      and (ledger.scope, ledger.drawn_at) < (spent_from.scope, 'infinity')
    order by ledger.scope desc, ledger.drawn_at desc
    limit :draws
) as recent
cross join lateral (
    select recent.scope as scope, null::jsonb as share
    where not recent.shares @> jsonb_build_array(jsonb_build_object('scope', recent.scope))
    union all
    select element ->> 'scope', element from jsonb_array_elements(recent.shares) as element
) as spent
where spent_from.scope is not null
order by spent.scope, recent.drawn_at desc
