-- Library: the short way of `reserve`, when the heads alone show that everything fits.
--
-- It is taken when the limits are those of the last call, nothing has run out since, nobody waits, and no key needs a
-- longer life. The room in a head is never more than there is, so what is granted here would be granted by the long
-- way too, and leaves the same behind. Whatever else there may be, refusals included, is for the long way. A ticket that
-- is known is found out by HSETNX, before anything is written; of several scopes each is asked beforehand.

local function quick_reserve(ticket, lease_ms)
  local now, epoch, heads = server_ms(), redis.call('GET', KEYS[#KEYS]), {}
  local deadline = now + lease_ms
  for number = 1, scope_count do
    local packed = redis.call('HGET', KEYS[3 * number - 2], 'head')
    local head = packed and cjson.decode(packed)
    if not head or head[1] ~= FORMAT or head[DIGEST] ~= digest_of(number) or head[EPOCH] ~= epoch then return nil end
    if head[SEEN] > now or head[QUIET] <= now or head[LASTS] < deadline or head[NEXT_LEASE] > deadline then return nil end
    for metric, amount in ipairs(asked[number]) do
      local held = head[HELD + metric] + amount
      if amount > 0 and held > head[ROOM + metric] then return nil end
      head[HELD + metric] = held
    end
    if scope_count > 1 and redis.call('HEXISTS', KEYS[3 * number - 1], ticket) == 1 then return nil end
    head[SEEN], heads[number] = now, head
  end
  for number, head in ipairs(heads) do
    if redis.call('HSETNX', KEYS[3 * number - 1], ticket, packed_hold(asked[number])) == 0 then return nil end
    redis.call('HSET', KEYS[3 * number - 2], 'head', packed_head(head))
    redis.call('ZADD', KEYS[3 * number], deadline, ticket)
  end
  return {1, deadline}
end

local granted = quick_reserve(ARGV[3], tonumber(ARGV[4]))
if granted then return granted end
