-- Lists the temporary limits in force: the newest row of each window, unless it ends the limit or has expired.
-- returns: scope, window, limit, reason, set_by, set_at, until
select scope, "window", "limit", reason, set_by, set_at, until
from (
    select distinct on (scope, "window") scope, "window", "limit", reason, set_by, set_at, until
    from budget_overrides
    order by scope, "window", id desc
) as newest
where "limit" is not null and (until is null or until > now())
