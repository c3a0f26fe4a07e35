-- Deletes draws of deleted runs once nothing counts them: they are older than twice the longest of their windows, and than
-- the time that audits and estimates need.
-- in: kept_seconds
-- returns: draw_id
delete from ledger
where outcome <> 'drawn'
  and drawn_at < now() - make_interval(secs => :kept_seconds)
  and drawn_at < now() - make_interval(secs => coalesce((
      select 2 * max((w.value ->> 2)::double precision)
      from jsonb_array_elements(ledger.shares) as s
      cross join jsonb_array_elements(s.value -> 'windows') as w
  ), 0))
  and not exists (select from runs where runs.id = ledger.run_id)
returning draw_id
