-- What is used and held of one scope now. Changes nothing, except that what has run out is gone.
--
-- KEYS, ARGV  see lib_scopes (one scope)
-- Returns     {blocked for ms, [held amount of each metric], tickets, {used, resets after ms, ... for each window},
--             {ids of at most a hundred tickets, the shortest lease first}}

local scope = scopes[1]
while sweep_leases(scope) do end

local windows = {}
for _, w in ipairs(scope.windows) do
  local used = w.kind.used(scope, w)
  windows[#windows + 1] = used
  windows[#windows + 1] = used > 0 and w.kind.resets_at(scope, w) - now or 0
end
save_known({scope})
return {
  math.max(0, scope.state.blocked - now), listed(scope.held), scope.state.tickets, windows,
  redis.call('ZRANGE', scope.leases, 0, 99),
}
