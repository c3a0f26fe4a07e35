-- Give a ticket a new lease in every scope in which it still has a record.
--
-- KEYS, ARGV  see lib_scopes; the request has besides: ticket, lease_ms
-- Returns     1 when that was so in all scopes, else 0

local scopes, now = open_scopes()
local whole = 1
for _, scope in ipairs(scopes) do
  if redis.call('HEXISTS', scope.holds, request.ticket) == 1 then
    redis.call('ZADD', scope.leases, now + request.lease_ms, request.ticket)
    save_scope(scope, request.lease_ms)
  else
    whole = 0
    save_known({scope})
  end
end
return whole
