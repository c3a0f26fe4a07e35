-- Library: the scopes of one call: each read with one HMGET, swept, and written back with one HSET.
--
-- Keys, limits, amounts and heads are those of lib_call. The field "state" of the usage hash is JSON: expires (when the
-- keys vanish), blocked, who is waiting, what is kept of each window, and spread: how much longer than the provider's the
-- windows are for now, and until when (see widen), and warm (see warm).

local KEEP_MS = 50000 -- unused scopes vanish at least this long after their last window and lease
local limits = cjson.decode(string.sub(ARGV[1], scope_count * DIGEST_SIZE + 1))

-- Head and state. What another version left behind can't be read: all of it goes, and the scope is known and lost.
local function read_state(usage, holds, leases)
  local packed = redis.call('HMGET', usage, 'head', 'state')
  local head = packed[1] and cjson.decode(packed[1])
  if head and head[1] == FORMAT then return head, cjson.decode(packed[2]), 'known' end
  if packed[1] or packed[2] then redis.call('DEL', usage, holds, leases) end
  local foreign = packed[1] or packed[2]
  return nil, {expires = 0, blocked = 0, waiting = {}, windows = {}}, foreign and 'foreign'
end

-- How much longer windows are than the limits say, at `now`: 0 when nobody widened them, or that is over.
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

-- All scopes of the call, at one common time.
local function read_scopes()
  local scopes, now = {}, server_ms()
  for number = 1, scope_count do
    scopes[number] = read_scope(number, now)
    now = math.max(now, scopes[number].now)
  end
  for _, scope in ipairs(scopes) do scope.now = now end
  return scopes, now
end

-- Everything that has run out is gone.
local function expire_scope(scope)
  for _, w in ipairs(scope.windows) do w.kind.expire(scope, w) end
  expire_queue(scope)
  sweep_leases(scope)
end

-- Write a scope back and keep its keys for `beyond_ms` (a lease, a block) and the longest window after that.
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

-- After a call that granted nothing: a scope that nobody has used leaves no key behind.
local function save_known(scopes)
  for _, scope in ipairs(scopes) do
    if scope.known then save_scope(scope) end
  end
end
