-- Hold the amounts of every scope for a ticket, or nothing.
--
-- KEYS, ARGV  see lib_scopes; the request has besides: ticket, lease_ms
-- Returns     {1, lease deadline in ms} | {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}
-- A scope in which the ticket already holds something keeps that, with a new lease: nothing is held twice.

local deadline = now + request.lease_ms
local fresh, worst = {}, nil

for number, scope in ipairs(scopes) do
  fresh[number] = redis.call('HEXISTS', scope.holds, request.ticket) == 0
  if fresh[number] then worst = examine(scope, number, amounts(), worst) end
end
if worst then
  save_known(scopes)
  return refused(worst)
end

for number, scope in ipairs(scopes) do
  if fresh[number] then
    write_hold(scope, request.ticket, open_hold(scope, request.ticket, scope.asked, deadline))
  else
    lease(scope, request.ticket, deadline)
  end
  save_scope(scope, request.lease_ms)
end
return {1, deadline}
