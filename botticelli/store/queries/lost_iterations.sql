-- Lists iterations whose lease has expired by Postgres's clock, the longest first.
-- in: limit
-- returns: run_id, number, attempt, losses (before this one), fence, ticket, worker
select run_id, number, attempt, losses, fence, ticket, worker
from iterations
where status = 'running' and lease_until < now()
order by lease_until
limit :limit
