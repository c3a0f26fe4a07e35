-- Library: reads the scopes of a call with one HMGET each, and writes each back with one HSET.
--
-- Keys, limits, amounts and heads are those of lib_call. The field "state" of the usage hash is JSON: expires (when the
-- keys expire); blocked (until when the scope is closed); waiting (see lib_queue); windows (the state of each); spread (how
-- much longer than the provider's the windows are, and until when; see widen); warm (see warm).
-- Uses        lib_call, lib_windows, lib_queue, lib_holds, lib_head

local KEEP_MS = 50000 -- keys of an unused scope expire at least this long after its last window and lease
local limits = cjson.decode(string.sub(ARGV[1], scope_count * DIGEST_SIZE + 1))

-- Return head, state and whether the scope is known. Data of another format is deleted: the scope is `foreign`.
local function read_state(usage, holds, leases)
  local packed = redis.call('HMGET', usage, 'head', 'state')
  local head = packed[1] and cjson.decode(packed[1])
  if head and head[1] == FORMAT then return head, cjson.decode(packed[2]), 'known' end
  if packed[1] or packed[2] then redis.call('DEL', usage, holds, leases) end
  local foreign = packed[1] or packed[2]
  return nil, {expires = 0, blocked = 0, waiting = {}, windows = {}}, foreign and 'foreign'
end

-- Return the spread in force at `now`, in ms.
local function spread_of(state, now)
  local spread = state.spread
  return spread and spread[2] > now and spread[1] or 0
end

local function read_scope(number, now)
  local usage, holds, leases = KEYS[3 * number - 2], KEYS[3 * number - 1], KEYS[3 * number]
  local head, state, known = read_state(usage, holds, leases)
  local spec, windows, longest_ms = limits[number], {}, 0
  for i = 2, #spec do
    windows[i - 1] = open_window(spec[i], spec[1], spread_of(state, now), state.windows)
    longest_ms = math.max(longest_ms, windows[i - 1].span_ms)
  end
  return {
    usage = usage, holds = holds, leases = leases, known = known, state = state, windows = windows,
    longest_ms = longest_ms, guard_ms = math.max(spec[1], spread_of(state, now)), digest = digest_of(number), asked = asked[number], now = head and head[SEEN] or 0,
    epoch = head and head[EPOCH] or '', next_lease = head and head[NEXT_LEASE] or 0,
    held = head and {unpack(head, HELD + 1, HELD + #CHARGED_AT)} or amounts(),
  }
end

-- Return all scopes of the call, and one time for all of them, which never goes back.
local function read_scopes()
  local scopes, now = {}, server_ms()
  for number = 1, scope_count do
    scopes[number] = read_scope(number, now)
    now = math.max(now, scopes[number].now)
  end
  for _, scope in ipairs(scopes) do scope.now = now end
  return scopes, now
end

-- Remove everything that has expired from a scope.
local function expire_scope(scope)
  for _, w in ipairs(scope.windows) do w.kind.expire(scope, w) end
  expire_queue(scope)
  sweep_leases(scope)
end

-- Write a scope back. Its keys live for `beyond_ms` (a lease, a block) and the longest window after that.
local function save_scope(scope, beyond_ms)
  local state, needed = scope.state, scope.now + scope.longest_ms + (beyond_ms or 0) + KEEP_MS
  local extend = needed > state.expires
  if extend then state.expires = needed + KEEP_MS end
  redis.call('HSET', scope.usage, 'state', cjson.encode(state), 'head', packed_head(head_of(scope, KEEP_MS)))
  if not (extend or scope.new_keys) then return end
  for _, key in ipairs({scope.usage, scope.holds, scope.leases}) do
    redis.call('PEXPIRE', key, state.expires - scope.now)
  end
end

-- Write scopes back after a call that granted nothing. Unused scopes get no keys.
local function save_known(scopes)
  for _, scope in ipairs(scopes) do
    if scope.known then save_scope(scope) end
  end
end
