-- Samples the transactions of this moment, to tell later whether all of them have ended.
-- returns: at, oldest (the oldest transaction that has not ended), next (the id that the next transaction will get)
select clock_timestamp() as at,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next
