-- Library: what tickets hold of one scope, and the one check that every grant passes.
--
-- The holds hash: ticket id -> JSON {"requests", "tokens": not drawn yet, "draws": {draw id -> {"requests", "tokens",
-- "at": ms, "marks": {window -> mark of the requests charged}}}}. The leases set: ticket id -> deadline in ms.
-- `scope.held` is their sum: undrawn requests (a drawn request is charged), undrawn tokens and tokens in flight.

local SWEPT_PER_CALL = 20
local HELD_WAIT_MIN_MS, HELD_WAIT_MAX_MS = 50, 1000 -- the wait for holds, which may end at any moment

local function read_hold(scope, ticket)
  local packed = redis.call('HGET', scope.holds, ticket)
  return packed and cjson.decode(packed)
end

local function empty_hold() return {requests = 0, tokens = 0, draws = {}} end
local function write_hold(scope, ticket, hold) redis.call('HSET', scope.holds, ticket, cjson.encode(hold)) end

local function charge(scope, metric, amount)
  local marks = {}
  for _, w in ipairs(scope.windows) do
    if amount > 0 and w.metric == metric then marks[w.name] = charge_window(scope, w, amount) end
  end
  return marks
end

-- Undrawn amounts go back; draws whose outcome nobody knows are charged as drawn; the ticket is gone.
local function close_hold(scope, ticket, hold)
  scope.held.requests = scope.held.requests - hold.requests
  scope.held.tokens = scope.held.tokens - hold.tokens
  for _, draw in pairs(hold.draws) do
    scope.held.tokens = scope.held.tokens - draw.tokens
    charge(scope, 'tokens', draw.tokens)
  end
  redis.call('HDEL', scope.holds, ticket)
  redis.call('ZREM', scope.leases, ticket)
end

local function sweep_leases(scope)
  local expired = redis.call('ZRANGEBYSCORE', scope.leases, '-inf', scope.now, 'LIMIT', 0, SWEPT_PER_CALL)
  for _, ticket in ipairs(expired) do close_hold(scope, ticket, read_hold(scope, ticket) or empty_hold()) end
  return #expired == SWEPT_PER_CALL
end

-- When `amount` fits beside the `held` amounts, if those stay: enough charges have left, or else a holder settled.
local function wait_ms(scope, w, held, amount)
  if amount > w.limit then return math.huge end
  if held + amount > w.limit then return math.max(HELD_WAIT_MIN_MS, math.min(HELD_WAIT_MAX_MS, w.width_ms)) end
  if w.fixed then return w.leaves - scope.now end
  local excess, leaves = w.used + held + amount - w.limit, w.leaves
  for n = w.head, w.tail do
    local charged, last = read_bucket(scope, w, n)
    excess, leaves = excess - charged, last and last + w.span_ms or leaves
    if excess <= 0 then break end
  end
  return leaves - scope.now
end

local function longer(worst, number, window, used, asked, wait)
  if worst and worst.wait >= wait then return worst end
  return {scope = number, window = window, used = used, asked = asked, wait = wait}
end

-- The refusal with the longest wait: `worst`, or one that `scope.asked` meets here (window 0: the scope is blocked);
-- `covered` of what is asked is in the ticket already.
local function examine(scope, number, covered, worst)
  local asked, rest_ms = scope.asked, scope.blocked - scope.now
  if rest_ms > 0 then worst = longer(worst, number, 0, 0, asked.requests, rest_ms) end
  for i, w in ipairs(scope.windows) do
    local amount, held = asked[w.metric], scope.held[w.metric] - covered[w.metric]
    if amount > covered[w.metric] and w.used + held + amount > w.limit then
      worst = longer(worst, number, i, w.used + held, amount, wait_ms(scope, w, held, amount))
    end
  end
  return worst
end

local function refused(worst)
  return {0, worst.scope, worst.window, worst.used, worst.asked, worst.wait < math.huge and worst.wait or -1}
end
