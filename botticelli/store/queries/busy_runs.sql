-- The runs, but for one, of which workers hold the most iterations at this moment.
-- in: run_id
-- returns: run_id, count
select run_id, count(*) as count
from iterations
where status = 'running' and run_id <> :run_id
group by run_id
order by count(*) desc, run_id
limit 5
