-- Return what is used and held in one scope, and its queue. Removes what has expired, and changes nothing else.
--
-- KEYS, ARGV  see lib_call (one scope)
-- Returns     {blocked for ms, [held amount of each metric], tickets,
--             {used, resets after ms, ms until one more fits or -1, ... for each window},
--             {id, deadline in ms, hold as JSON, ... of at most a hundred tickets, the shortest lease first},
--             the queue as JSON (see lib_queue), time in ms, guard in ms}

local scope = scopes[1]
while sweep_leases(scope) do end

local windows, holders = {}, {}
for _, w in ipairs(scope.windows) do
  local used, held = w.kind.used(scope, w), scope.held[w.metric]
  windows[#windows + 1] = used
  windows[#windows + 1] = used > 0 and w.kind.resets_at(scope, w) - now or 0
  local wait = used + held < w.limit and 0 or wait_ms(scope, w, held, 1)
  windows[#windows + 1] = wait < math.huge and wait or -1
end
local leases = redis.call('ZRANGE', scope.leases, 0, 99, 'WITHSCORES')
for n = 1, #leases, 2 do
  holders[#holders + 1] = leases[n]
  holders[#holders + 1] = tonumber(leases[n + 1])
  holders[#holders + 1] = redis.call('HGET', scope.holds, leases[n])
end
save_known({scope})
return {
  math.max(0, scope.state.blocked - now), scope.held, redis.call('ZCARD', scope.leases), windows, holders,
  cjson.encode(scope.state.waiting), now, scope.guard_ms,
}
