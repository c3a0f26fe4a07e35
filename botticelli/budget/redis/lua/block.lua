-- Close a scope for all processes for some time. Never shortens a block.
--
-- KEYS, ARGV  see lib_call (one scope); besides: [3] wait in ms
-- Returns     the time at which the scope opens again, in ms

local scope, block_ms = scopes[1], tonumber(ARGV[3])
scope.state.blocked = math.max(scope.state.blocked, now + block_ms)
save_scope(scope, block_ms)
return scope.state.blocked
