-- Lists iterations whose lease has expired by Postgres's clock, the longest first.
-- in: limit
-- returns: run_id, number, attempt, lost_count (before this one), fencing_token, ticket, worker, started_at
select run_id, number, attempt, lost_count, fencing_token, ticket, worker, started_at
from iterations
where status = 'running' and lease_until < now()
order by lease_until
limit :limit
