-- Hold the amounts of every scope for a ticket, or nothing.
--
-- KEYS, ARGV  see lib_scopes; the request has besides: ticket, lease_ms
-- Returns     {1, lease deadline in ms} | {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}
-- A scope in which the ticket already holds something keeps that, with a new lease: nothing is held twice.

local NOTHING = {requests = 0, tokens = 0}
local scopes, now = open_scopes()
local deadline = now + request.lease_ms
local fresh, worst = {}, nil

for number, scope in ipairs(scopes) do
  fresh[number] = redis.call('HEXISTS', scope.holds, request.ticket) == 0
  if fresh[number] then worst = examine(scope, number, NOTHING, worst) end
end
if worst then
  save_known(scopes)
  return refused(worst)
end

for number, scope in ipairs(scopes) do
  if fresh[number] then
    for _, metric in ipairs(METRICS) do scope.held[metric] = scope.held[metric] + scope.asked[metric] end
    write_hold(scope, request.ticket, {requests = scope.asked.requests, tokens = scope.asked.tokens, draws = {}})
  end
  redis.call('ZADD', scope.leases, deadline, request.ticket)
  save_scope(scope, request.lease_ms)
end
return {1, deadline}
