-- Library: the short way of `reserve`, for when the heads alone show that everything fits.
--
-- Requires that the limits are those of the last call, nothing has expired since, nobody waits, and no key needs a longer
-- life. The room in a head is a lower bound, so the long way would grant the same and leave the same data. Everything
-- else, refusals included, takes the long way. Known tickets take the long way as well: with one scope and ticket HSETNX
-- detects them before anything is written; with more of them HMGET does.
-- Uses        lib_call only, since it runs before the libraries

local function any_known(holds)
  for _, known in ipairs(redis.call('HMGET', holds, unpack(ARGV, 4))) do
    if known then return true end
  end
  return false
end

-- Return the reply of `reserve`; nil when the long way is needed. KEYS and ARGV are those of `reserve`.
local function quick_reserve()
  local now, epoch, heads = server_ms(), redis.call('GET', KEYS[#KEYS]), {}
  local deadline, tickets = now + tonumber(ARGV[3]), #ARGV - 3
  for number = 1, scope_count do
    local packed = redis.call('HGET', KEYS[3 * number - 2], 'head')
    local head = packed and cjson.decode(packed)
    if not head or head[1] ~= FORMAT or head[DIGEST] ~= digest_of(number) or head[EPOCH] ~= epoch then return nil end
    if head[SEEN] > now or head[QUIET] <= now or head[LASTS] < deadline or head[NEXT_LEASE] > deadline then return nil end
    for metric, amount in ipairs(asked[number]) do
      local held = head[HELD + metric] + amount * tickets
      if amount > 0 and held > head[ROOM + metric] then return nil end
      head[HELD + metric] = held
    end
    if scope_count * tickets > 1 and any_known(KEYS[3 * number - 1]) then return nil end
    head[SEEN], heads[number] = now, head
  end
  for number, head in ipairs(heads) do
    local hold = packed_hold(asked[number])
    for n = 4, #ARGV do
      if redis.call('HSETNX', KEYS[3 * number - 1], ARGV[n], hold) == 0 then return nil end
      redis.call('ZADD', KEYS[3 * number], deadline, ARGV[n])
    end
    redis.call('HSET', KEYS[3 * number - 2], 'head', packed_head(head))
  end
  return {tickets, deadline}
end

local granted = quick_reserve()
if granted then return granted end
