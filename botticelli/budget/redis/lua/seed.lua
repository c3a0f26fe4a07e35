-- Begin scopes in an epoch, and windows that are new in a scope, with what was charged before the server knew them.
--
-- KEYS, ARGV  see lib_call; besides: [3] JSON: epoch, long_ms, and for each scope past (charges [ms, amounts], ascending;
--             all that still count) and closed (whether anything may have been charged that nobody recorded yet)
-- Returns     how many windows were begun. None in another epoch than the one that was asked for, and none twice.
-- Windows of at least `long_ms` get the past charges at their own times; without a record of the past ("all") they and
-- the shorter windows of a closed scope start full, and open with time.

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
  -- For whoever asks why it is full (see RedisBudget.reopening): nobody knows that it was used up.
  redis.call('HSET', scope.usage, 'reopens ' .. w.name, string.format('%d', now + w.period_ms + w.guard_ms))
end

-- Of a scope that the server knew in another epoch nothing is left but its tickets, its queue and its block.
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
