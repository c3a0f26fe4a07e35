-- Counts the errors of a run's failed iterations, the most frequent first; the earliest number decides between equals.
-- in: run_id, limit
-- returns: error, count, and causes (how many different errors there are, beyond the limit as well)
select coalesce(error, 'no reason was recorded') as error, count(*) as count, count(*) over () as causes
from iterations
where run_id = :run_id and status = 'failed'
group by 1
order by count(*) desc, min(number)
limit :limit
