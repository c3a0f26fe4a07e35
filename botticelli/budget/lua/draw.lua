-- Right before a provider request: move amounts of one scope from held to in flight.
--
-- KEYS, ARGV  see lib_scopes (one scope); the request has besides: ticket, draw, lease_ms (for a ticket that is gone)
-- Returns     {1, time of the draw in ms, requests, tokens} |
--             {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}
-- Requests are charged now; tokens stay held, in every window, until the settle. A draw that is open is given again.

local scope = open_scopes()[1]
local asked = scope.asked
local hold = read_hold(scope, request.ticket)
local ticket = hold or empty_hold()
local open = ticket.draws[request.draw]
if open then
  save_scope(scope)
  return {1, open.at, open.requests, open.tokens}
end

local covered = {}
for _, metric in ipairs(METRICS) do covered[metric] = math.min(ticket[metric], asked[metric]) end
local worst = examine(scope, 1, covered)
if worst then
  save_known({scope})
  return refused(worst)
end

for _, metric in ipairs(METRICS) do ticket[metric] = ticket[metric] - covered[metric] end
scope.held.requests = scope.held.requests - covered.requests
scope.held.tokens = scope.held.tokens - covered.tokens + asked.tokens
ticket.draws[request.draw] = {
  requests = asked.requests, tokens = asked.tokens, at = scope.now, marks = charge(scope, 'requests', asked.requests),
}
write_hold(scope, request.ticket, ticket)
if not hold then redis.call('ZADD', scope.leases, scope.now + request.lease_ms, request.ticket) end
save_scope(scope, not hold and request.lease_ms)
return {1, scope.now, asked.requests, asked.tokens}
