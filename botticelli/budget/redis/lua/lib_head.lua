-- Library: the head of a scope, which lib_quick reads (see lib_call).
--
-- Uses        CHARGED_AT (lib_windows) and the constants of lib_call

-- Return the time until which nothing expires and nobody waits; 0 when there is no such time.
local function quiet_until(scope)
  if #scope.state.waiting > 0 or scope.state.blocked > scope.now then return 0 end
  local until_ms = scope.next_lease
  for _, w in ipairs(scope.windows) do
    local leaves, midnights = w.kept.leaves or 0, w.midnights
    if leaves > 0 then until_ms = math.min(until_ms, leaves) end
    if midnights then until_ms = math.min(until_ms, midnights[#midnights] + w.guard_ms) end
  end
  return until_ms
end

-- Return the head of a scope. The room in it is a lower bound for later calls with these limits: charges only expire.
local function head_of(scope, keep_ms)
  local head = {
    FORMAT, scope.digest, scope.epoch, scope.now, quiet_until(scope), scope.state.expires - scope.longest_ms - keep_ms,
    scope.next_lease, unpack(scope.held),
  }
  for metric = 1, #CHARGED_AT do head[ROOM + metric] = ENDLESS end
  for _, w in ipairs(scope.windows) do
    local place = ROOM + w.metric
    head[place] = math.min(head[place], w.limit - w.kind.used(scope, w))
  end
  return head
end
