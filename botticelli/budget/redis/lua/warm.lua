-- For how long a scope has been in use since its last silence, for limits that grow after one.
--
-- KEYS, ARGV  see lib_call (one scope); besides: [3] silence in ms after which a scope begins anew,
--             [4] look: changes nothing; use: counts as a use; restart: begins anew now
-- Returns     for how long it has been in use, in ms
-- Kept in the state of the scope: warm, when its use began and when it was used last.

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
