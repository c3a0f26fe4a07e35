-- Iterations whose worker has been silent for longer than its lease. Only Postgres's clock judges.
-- in: limit
-- returns: run_id, number, attempt, losses (before this one), fence, ticket, worker
select run_id, number, attempt, losses, fence, ticket, worker
from iterations
where status = 'running' and lease_until < now()
order by lease_until
limit :limit
