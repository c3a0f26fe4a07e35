-- Elects the worker that performs a duty for the whole fleet in this interval: the first to ask, by Postgres's clock.
-- in: name, worker, interval_seconds
-- returns: name; no row when it was taken in this interval already
insert into duties (name, worker) values (:name, :worker)
on conflict (name) do update
set taken_at = now(), worker = excluded.worker
where duties.taken_at <= now() - make_interval(secs => :interval_seconds)
returning name
