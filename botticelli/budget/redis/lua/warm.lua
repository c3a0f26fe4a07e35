-- Return for how long a scope has been in use since it was last idle, for limits that grow after an idle time.
--
-- KEYS, ARGV  see lib_call (one scope); besides: [3] idle time in ms after which a scope starts anew,
--             [4] look: changes nothing; use: records a use; restart: starts anew now
-- Returns     for how long it has been in use, in ms
-- State of the scope: warm, a list of the time at which its use began and that of its last use.

local scope, idle_ms, act = scopes[1], tonumber(ARGV[3]), ARGV[4]
local warm = scope.state.warm
if not warm or warm[2] + idle_ms <= now or act == 'restart' then warm = {now, now} end
if act == 'look' then
  save_known({scope})
else
  scope.state.warm = {warm[1], now}
  save_scope(scope, idle_ms)
end
return now - warm[1]
