-- Begin scopes in an epoch, and new windows of known scopes, with past charges that the server does not know.
--
-- KEYS, ARGV  see lib_call; besides: [3] JSON: epoch, long_ms, and for each scope: past (all charges that still count,
--             [ms, amounts], ascending) and closed (true: recent charges may be missing; "all": there is no record at all)
-- Returns     the number of windows that were begun: 0 in another epoch, and for windows that were begun before
-- Windows of at least `long_ms` get the past charges at their own times. Shorter windows of a closed scope, and all windows
-- when closed is "all", start full and open with time.

local request = cjson.decode(ARGV[3])

local function begin(scope, w, past, closed)
  local now, full = scope.now, closed == 'all' or (closed and w.period_ms < request.long_ms)
  for _, charged in ipairs(full and {} or past) do
    local at, amount = math.min(charged[1], now), charged[2][w.metric]
    scope.now = at
    w.kind.expire(scope, w)
    if amount > 0 and CHARGED_AT[w.metric] ~= 'never' then w.kind.charge(scope, w, amount) end
  end
  scope.now = now
  w.kind.expire(scope, w)
  if not full then return end
  w.kind.charge(scope, w, w.limit)
  -- Record that the window is full only because its charges are unknown (see RedisBudget.reopening).
  redis.call('HSET', scope.usage, 'reopens ' .. w.name, string.format('%d', now + w.period_ms + w.guard_ms))
end

-- Remove everything of a scope of another epoch, except its tickets, its queue and its block.
local function forget(scope)
  redis.call('DEL', scope.usage)
  scope.epoch, scope.state.windows, scope.state.expires = request.epoch, {}, 0
  for _, w in ipairs(scope.windows) do
    w.kept, w.added = w.kind.new(), true
    scope.state.windows[w.name] = w.kept
  end
end

local scopes, begun = read_scopes(), 0
if redis.call('GET', KEYS[#KEYS]) ~= request.epoch then return begun end
for number, scope in ipairs(scopes) do
  if scope.epoch ~= request.epoch then forget(scope) end
  for _, w in ipairs(scope.windows) do
    if w.added then
      begin(scope, w, request.past[number], request.closed[number])
      begun = begun + 1
    end
  end
  save_scope(scope)
end
return begun
