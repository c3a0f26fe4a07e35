-- Lists the five other runs with the most running iterations.
-- in: run_id (left out)
-- returns: run_id, count
select run_id, count(*) as count
from iterations
where status = 'running' and run_id <> :run_id
group by run_id
order by count(*) desc, run_id
limit 5
