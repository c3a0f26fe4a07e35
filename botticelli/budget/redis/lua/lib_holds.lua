-- Library: the amounts that tickets hold in a scope, and their leases.
--
-- Hash `holds`: ticket id -> JSON [undrawn amounts, {draw id -> {"amounts": amounts, "at": ms, "epoch": epoch,
-- "marks": {window -> mark of its charge}}}]. Sorted set `leases`: ticket id -> deadline in ms. `scope.held` is the sum of
-- the undrawn amounts, and of those in flight that are not charged yet.
-- Uses        CHARGED_AT, charge (lib_windows), packed_hold (lib_call)

local SWEPT_PER_CALL = 20

local function read_hold(scope, ticket)
  local packed = redis.call('HGET', scope.holds, ticket)
  if not packed then return nil end
  local hold = cjson.decode(packed)
  return {undrawn = hold[1], draws = hold[2]}
end

local function write_hold(scope, ticket, hold)
  local packed = next(hold.draws) and cjson.encode({hold.undrawn, hold.draws}) or packed_hold(hold.undrawn)
  redis.call('HSET', scope.holds, ticket, packed)
end

local function hold_more(scope, some, sign)
  local held = scope.held
  for metric, amount in ipairs(some) do held[metric] = held[metric] + sign * amount end
end

-- Return the part of drawn amounts that stays held while the call is in flight.
local function in_flight(some)
  local part = {}
  for metric, amount in ipairs(some) do part[metric] = CHARGED_AT[metric] ~= 'draw' and amount or 0 end
  return part
end

local function lease(scope, ticket, deadline)
  redis.call('ZADD', scope.leases, deadline, ticket)
  if scope.next_lease == 0 or deadline < scope.next_lease then scope.next_lease = deadline end
end

-- Add a new ticket. Its keys may be new as well, and then need an expiry.
local function open_hold(scope, ticket, undrawn, deadline)
  hold_more(scope, undrawn, 1)
  scope.new_keys = scope.new_keys or scope.next_lease == 0
  lease(scope, ticket, deadline)
  return {undrawn = undrawn, draws = {}}
end

-- Remove a ticket: return undrawn amounts, and charge open draws as drawn.
local function close_hold(scope, ticket, hold)
  hold_more(scope, hold.undrawn, -1)
  for _, draw in pairs(hold.draws) do
    hold_more(scope, in_flight(draw.amounts), -1)
    charge(scope, draw.amounts, 'settle')
  end
  redis.call('HDEL', scope.holds, ticket)
  redis.call('ZREM', scope.leases, ticket)
  if redis.call('ZCARD', scope.leases) == 0 then scope.next_lease = 0 end
end

-- Close tickets whose lease has expired, a few at a time. Return whether there may be more.
local function sweep_leases(scope)
  if scope.next_lease == 0 or scope.next_lease > scope.now then return false end
  local expired = redis.call('ZRANGEBYSCORE', scope.leases, '-inf', scope.now, 'LIMIT', 0, SWEPT_PER_CALL)
  for _, ticket in ipairs(expired) do close_hold(scope, ticket, read_hold(scope, ticket)) end
  local first = redis.call('ZRANGE', scope.leases, 0, 0, 'WITHSCORES')
  scope.next_lease = tonumber(first[2] or 0)
  return #expired == SWEPT_PER_CALL
end
