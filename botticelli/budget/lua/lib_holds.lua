-- Library: what tickets hold of one scope, and the one check that every grant passes.
--
-- The holds hash: ticket id -> JSON {"undrawn": amounts, "draws": {draw id -> {"amounts": amounts, "at": ms,
-- "marks": {window -> mark of what was charged}}}}; amounts: {metric -> amount}. The leases set: ticket id -> deadline
-- in ms. `scope.held` is the sum of what is undrawn and of what is in flight and not charged yet.

local SWEPT_PER_CALL = 20

local function read_hold(scope, ticket)
  local packed = redis.call('HGET', scope.holds, ticket)
  if not packed then return nil end
  local hold = cjson.decode(packed)
  amounts(hold.undrawn)
  for _, draw in pairs(hold.draws) do amounts(draw.amounts) end
  return hold
end

local function write_hold(scope, ticket, hold) redis.call('HSET', scope.holds, ticket, cjson.encode(hold)) end

local function hold_more(scope, some, sign)
  for metric, amount in pairs(some) do scope.held[metric] = scope.held[metric] + sign * amount end
end

-- The part of drawn amounts that stays held while the call is in flight.
local function in_flight(some)
  local part = amounts()
  for metric, amount in pairs(some) do
    if CHARGED_AT[metric] ~= 'draw' then part[metric] = amount end
  end
  return part
end

local function lease(scope, ticket, deadline)
  local state = scope.state
  redis.call('ZADD', scope.leases, deadline, ticket)
  if state.next_lease == 0 or deadline < state.next_lease then state.next_lease = deadline end
end

-- A ticket that is new here: its keys may be new too, and then need their end of life.
local function open_hold(scope, ticket, undrawn, deadline)
  local hold = {undrawn = undrawn, draws = {}}
  hold_more(scope, undrawn, 1)
  lease(scope, ticket, deadline)
  scope.state.tickets = scope.state.tickets + 1
  scope.new_keys = scope.new_keys or scope.state.tickets == 1
  return hold
end

-- Undrawn amounts go back; draws whose outcome nobody knows are charged as drawn; the ticket is gone.
local function close_hold(scope, ticket, hold)
  hold_more(scope, hold.undrawn, -1)
  for _, draw in pairs(hold.draws) do
    hold_more(scope, in_flight(draw.amounts), -1)
    charge(scope, draw.amounts, 'settle')
  end
  redis.call('HDEL', scope.holds, ticket)
  redis.call('ZREM', scope.leases, ticket)
  scope.state.tickets = scope.state.tickets - 1
end

-- Close tickets whose lease ran out, a few at a time; true when there may be more.
local function sweep_leases(scope)
  local state = scope.state
  if state.next_lease == 0 or state.next_lease > scope.now then return false end
  local expired = redis.call('ZRANGEBYSCORE', scope.leases, '-inf', scope.now, 'LIMIT', 0, SWEPT_PER_CALL)
  for _, ticket in ipairs(expired) do close_hold(scope, ticket, read_hold(scope, ticket)) end
  local first = redis.call('ZRANGE', scope.leases, 0, 0, 'WITHSCORES')
  state.next_lease = tonumber(first[2] or 0)
  return #expired == SWEPT_PER_CALL
end
