-- Close a scope for everyone for some time from now; a block is never shortened.
--
-- KEYS, ARGV  see lib_scopes (one scope); the request has besides: wait_ms
-- Returns     when the scope opens again, in ms

local scope = scopes[1]
scope.state.blocked = math.max(scope.state.blocked, now + request.wait_ms)
save_scope(scope, request.wait_ms)
return scope.state.blocked
