-- Deletes runs that ended long ago, with their iterations, acts, effects and actions, except runs with an effect of unknown
-- outcome. The ledger stays, since windows and the audit count it.
-- in: before (time), statuses (array), limit
-- returns: id
delete from runs
where id in (
    select id from runs
    where status = any(cast(:statuses as text[]))
      and finished_at < :before
      and not exists (
          select from effects where effects.run_id = runs.id and effects.status in ('intended', 'unknown')
      )
    order by finished_at
    limit :limit
    for update skip locked
)
returning id
