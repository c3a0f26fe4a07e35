-- Writes entries with their original dates and metadata. Rows are locked in order of their keys, so that concurrent loads
-- can't deadlock.
-- in: entries (JSON list of objects: key, value, created_at, expires_at, metadata), replace (also existing entries)
-- returns: key, is_expired of each entry that was written
insert into narrative_state as present (key, value, created_at, updated_at, expires_at, metadata)
select
  key,
  coalesce(value, 'null'),
  least(coalesce(created_at, now()), now()),
  clock_timestamp(),
  expires_at,
  coalesce(metadata, '{}')
from jsonb_to_recordset(cast(:entries as jsonb))
  as loaded (key text, value jsonb, created_at timestamptz, expires_at timestamptz, metadata jsonb)
order by key using ~<~
on conflict (key) do update set
  value = excluded.value,
  created_at = excluded.created_at,
  updated_at = greatest(clock_timestamp(), present.updated_at + interval '1 microsecond'),
  expires_at = excluded.expires_at,
  metadata = excluded.metadata
where :replace or present.expires_at <= now()
returning key, coalesce(expires_at <= now(), false) as is_expired
