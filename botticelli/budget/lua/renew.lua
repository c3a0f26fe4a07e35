-- Give a ticket a new lease in every scope in which it still has a record.
--
-- KEYS, ARGV  see lib_scopes; the request has besides: ticket, lease_ms
-- Returns     1 when that was so in all scopes, else 0

local whole = 1
for _, scope in ipairs(scopes) do
  if redis.call('HEXISTS', scope.holds, request.ticket) == 1 then
    lease(scope, request.ticket, now + request.lease_ms)
    save_scope(scope, request.lease_ms)
  else
    whole = 0
    save_known({scope})
  end
end
return whole
