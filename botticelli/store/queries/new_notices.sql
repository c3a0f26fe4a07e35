-- Takes the oldest notices that were not fanned out, each for one transaction only, and marks them.
-- in: limit
-- returns: id, type, run_id, narrative, tags, tenant, data, created_at
update notices set fanned_out_at = now()
where id in (
    select id from notices where fanned_out_at is null
    order by created_at limit :limit
    for update skip locked
)
returning id, type, run_id, narrative, tags, tenant, data, created_at
