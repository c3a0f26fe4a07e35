-- Library: the scopes of one call: each read with one HGET, swept, and written back with one HSET.
--
-- KEYS     three for each scope: usage (hash), holds (hash), leases (sorted set); the last one: epoch (string)
-- ARGV[1]  the limits, JSON: for each scope [guard_ms, [name, metric, limit, period_ms, kind, midnights], ...]
-- ARGV[2]  the request, JSON: {"asked": [amounts of each scope]}; more in each script's header
-- ARGV[3]  the time in milliseconds, for tests only; without it the server's TIME counts
-- The usage hash has the buckets of sliding windows and, in the field "state", as JSON: epoch (in which the scope was
-- begun), seen (the latest time seen: time never goes back), expires (when the keys vanish), blocked, tickets (how
-- many hold something), next_lease (no lease runs out before), held amounts, who is waiting, and what is kept of each
-- window.

local KEEP_MS = 50000 -- unused scopes vanish at least this long after their last window and lease
local limits, request = cjson.decode(ARGV[1]), cjson.decode(ARGV[2])

local function server_ms()
  if ARGV[3] then return tonumber(ARGV[3]) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function new_state()
  return {epoch = '', seen = 0, expires = 0, blocked = 0, tickets = 0, next_lease = 0, held = {}, waiting = {}, windows = {}}
end

local function read_scope(number)
  local spec, usage = limits[number], KEYS[3 * number - 2]
  local packed, windows, longest_ms = redis.call('HGET', usage, 'state'), {}, 0
  local state = packed and cjson.decode(packed) or new_state()
  for _, waiter in ipairs(state.waiting) do amounts(waiter.amounts) end
  for i = 2, #spec do
    windows[i - 1] = open_window(spec[i], spec[1], state.windows)
    longest_ms = math.max(longest_ms, windows[i - 1].span_ms)
  end
  return {
    usage = usage, holds = KEYS[3 * number - 1], leases = KEYS[3 * number], known = packed, state = state, now = 0,
    windows = windows, longest_ms = longest_ms, held = amounts(state.held), asked = amounts(request.asked[number]),
  }
end

-- All scopes of the call, at one common time.
local function read_scopes()
  local scopes, now = {}, server_ms()
  for number = 1, #limits do
    scopes[number] = read_scope(number)
    now = math.max(now, scopes[number].state.seen)
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
  state.seen = scope.now
  redis.call('HSET', scope.usage, 'state', cjson.encode(state))
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
