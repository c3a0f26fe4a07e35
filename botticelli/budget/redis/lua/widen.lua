-- Lengthen the sliding windows and buckets of a scope for some time. The largest spread in force counts.
--
-- KEYS, ARGV  see lib_call (one scope); besides: [3] by how much in ms, [4] for how long in ms
-- Returns     the spread in force, in ms, without the guard of the limits

local scope, spread_ms, keep_ms = scopes[1], tonumber(ARGV[3]), tonumber(ARGV[4])
if spread_ms > 0 and spread_ms >= spread_of(scope.state, now) then
  scope.state.spread = {spread_ms, now + keep_ms}
  save_scope(scope, keep_ms)
else
  save_known({scope})
end
return spread_of(scope.state, now)
