-- What is used and held of one scope now. Changes nothing, except that what has run out is gone.
--
-- KEYS, ARGV  see lib_scopes (one scope)
-- Returns     {blocked for ms, held requests, held tokens, tickets, {used, resets after ms, ... for each window},
--             {ids of at most a hundred tickets, the shortest lease first}}

local scope = open_scopes()[1]
while sweep_leases(scope) do end

local windows = {}
for _, w in ipairs(scope.windows) do
  windows[#windows + 1] = w.used
  windows[#windows + 1] = w.used > 0 and w.leaves - scope.now or 0
end
save_known({scope})
return {
  math.max(0, scope.blocked - scope.now), scope.held.requests, scope.held.tokens,
  redis.call('ZCARD', scope.leases), windows, redis.call('ZRANGE', scope.leases, 0, 99),
}
