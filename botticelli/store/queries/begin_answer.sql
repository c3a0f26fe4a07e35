-- Takes an idempotency key of an owner for :lease_seconds, and returns whether it was taken, and what is stored under it.
-- A key is free when it was never used, when its time is over, or when the process that took it has not answered in time.
with taken as (
  insert into http_answers as present (owner, key, request_sha256, lease_until, expires_at)
  values (
    :owner, :key, :request_sha256,
    clock_timestamp() + make_interval(secs => :lease_seconds), clock_timestamp() + make_interval(secs => :valid_seconds)
  )
  on conflict (owner, key) do update
  set
    request_sha256 = excluded.request_sha256, lease_until = excluded.lease_until, expires_at = excluded.expires_at,
    status = null, body = null, headers = '{}'
  where
    present.expires_at < clock_timestamp()
    or (
      present.status is null and present.lease_until < clock_timestamp()
      and present.request_sha256 = excluded.request_sha256
    )
  returning true as is_mine
)
select
  coalesce((select is_mine from taken), false) as is_mine, stored.request_sha256, stored.status, stored.headers, stored.body
from (select) as always left join http_answers as stored on stored.owner = :owner and stored.key = :key
