-- Measures the pace of a run by its iterations that finished last. Reads no more of them than `limit`.
-- in: run_id, limit
-- returns: finished (how many of them there are), seconds (from the first of them until now; null without any)
select count(*) as finished,
       extract(epoch from clock_timestamp() - min(recent.finished_at))::double precision as seconds
from (
    select finished_at
    from iterations
    where run_id = :run_id and finished_at is not null
    order by finished_at desc
    limit :limit
) as recent
