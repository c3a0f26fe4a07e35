-- Elects who does something for the whole fleet in this interval: whoever comes first. Only Postgres's clock judges.
-- in: name, worker, interval_seconds
-- returns: name; no row when somebody else has taken it in this interval
insert into duties (name, worker) values (:name, :worker)
on conflict (name) do update
set taken_at = now(), worker = excluded.worker
where duties.taken_at <= now() - make_interval(secs => :interval_seconds)
returning name
