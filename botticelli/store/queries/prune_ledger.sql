-- Delete draws of runs that are gone, when they are older than everything that counts them: the longest window of their
-- own, twice, and a time for audits and estimates.
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
