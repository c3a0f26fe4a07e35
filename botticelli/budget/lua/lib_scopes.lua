-- Library: the scopes of one call: read with one HMGET each, swept, and written back with one HSET each.
--
-- KEYS     three for each scope: usage (hash), holds (hash), leases (sorted set)
-- ARGV[1]  the limits, JSON: for each scope [guard_ms, [name, metric, limit, period_ms, kind], ... for each window]
-- ARGV[2]  the request, JSON: {"asked": [[requests, tokens], ... for each scope]}; more in each script's header
-- ARGV[3]  the time in milliseconds, for tests only; without it the server's TIME counts
-- The usage hash: seen (the latest time seen: time never goes back), expires, blocked, held requests and tokens,
-- and the windows.

local METRICS = {'requests', 'tokens'}
local KEEP_MS = 60000 -- unused scopes vanish this long after their last window and lease
local limits, request = cjson.decode(ARGV[1]), cjson.decode(ARGV[2])

local function server_ms()
  if ARGV[3] then return tonumber(ARGV[3]) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function read_scope(number)
  local spec, usage = limits[number], KEYS[3 * number - 2]
  local fields = {'seen', 'expires', 'blocked', 'requests', 'tokens'}
  for i = 2, #spec do fields[4 + i] = spec[i][1] end
  local values, windows, longest_ms = redis.call('HMGET', usage, unpack(fields)), {}, 0
  for i = 2, #spec do
    windows[i - 1] = open_window(spec[i], spec[1], values[4 + i])
    longest_ms = math.max(longest_ms, windows[i - 1].span_ms)
  end
  local asked = request.asked[number]
  return {
    usage = usage, holds = KEYS[3 * number - 1], leases = KEYS[3 * number], windows = windows, longest_ms = longest_ms,
    known = values[1], seen = tonumber(values[1] or 0), expires = tonumber(values[2] or 0),
    blocked = tonumber(values[3] or 0), held = {requests = tonumber(values[4] or 0), tokens = tonumber(values[5] or 0)},
    asked = {requests = asked[1], tokens = asked[2]}, now = 0,
  }
end

-- All scopes of the call, at one common time, with everything gone that has run out.
local function open_scopes()
  local scopes, now = {}, server_ms()
  for number = 1, #limits do
    scopes[number] = read_scope(number)
    now = math.max(now, scopes[number].seen)
  end
  for _, scope in ipairs(scopes) do
    scope.now = now
    for _, w in ipairs(scope.windows) do expire_window(scope, w) end
    sweep_leases(scope)
  end
  return scopes, now
end

-- Write a scope back and keep its keys for `beyond_ms` (a lease, a block) and the longest window after that.
local function save_scope(scope, beyond_ms)
  scope.expires = math.max(scope.expires, scope.now + scope.longest_ms + (beyond_ms or 0) + KEEP_MS)
  local fields = {
    'seen', scope.now, 'expires', scope.expires, 'blocked', scope.blocked,
    'requests', scope.held.requests, 'tokens', scope.held.tokens,
  }
  for _, w in ipairs(scope.windows) do
    if w.changed then
      fields[#fields + 1] = w.name
      fields[#fields + 1] = string.format('%d %d %d %d', w.used, w.leaves, w.head, w.tail)
    end
  end
  redis.call('HSET', scope.usage, unpack(fields))
  for _, key in ipairs({scope.usage, scope.holds, scope.leases}) do
    redis.call('PEXPIRE', key, scope.expires - scope.now)
  end
end

-- After a call that granted nothing: a scope that nobody has used leaves no key behind.
local function save_known(scopes)
  for _, scope in ipairs(scopes) do
    if scope.known then save_scope(scope) end
  end
end
