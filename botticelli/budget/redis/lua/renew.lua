-- Extend the lease of a ticket in every scope in which it is known.
--
-- KEYS, ARGV  see lib_call; besides: [3] ticket, [4] lease in ms
-- Returns     1 when it is known in all scopes, else 0

local ticket, lease_ms, whole = ARGV[3], tonumber(ARGV[4]), 1
for _, scope in ipairs(scopes) do
  if redis.call('HEXISTS', scope.holds, ticket) == 1 then
    lease(scope, ticket, now + lease_ms)
    save_scope(scope, lease_ms)
  else
    whole = 0
    save_known({scope})
  end
end
return whole
