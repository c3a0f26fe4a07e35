-- Hold amounts of all scopes for a ticket, or none of them. Several tickets are granted in order, as many as fit.
--
-- KEYS, ARGV  see lib_call; besides: [3] lease in ms, [4...] tickets, each once
-- Returns     {number of tickets granted, lease deadline in ms}
--             | {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}
-- A refused first ticket gets a place in the queue, and a grant never delays earlier waiters.
-- A ticket that is already known in a scope keeps its amounts there and gets a new lease: nothing is held twice.

local lease_ms, granted = tonumber(ARGV[3]), 0
local deadline = now + lease_ms

-- Return the refusal of a ticket, if any, and in which scopes it is new.
local function judge(ticket)
  local fresh, worst = {}, nil
  for number, scope in ipairs(scopes) do
    fresh[number] = redis.call('HEXISTS', scope.holds, ticket) == 0
    if fresh[number] then worst = examine(scope, number, amounts(), ahead_of(scope, ticket), worst) end
  end
  return worst, fresh
end

for n = 4, #ARGV do
  local worst, fresh = judge(ARGV[n])
  if worst and granted > 0 then break end
  if worst then
    wait_in_queues(scopes, worst, ARGV[n])
    save_known(scopes)
    return refused(worst)
  end
  for number, scope in ipairs(scopes) do
    leave_queue(scope, ARGV[n])
    if fresh[number] then
      write_hold(scope, ARGV[n], open_hold(scope, ARGV[n], scope.asked, deadline))
    else
      lease(scope, ARGV[n], deadline)
    end
  end
  granted = granted + 1
end

for _, scope in ipairs(scopes) do save_scope(scope, lease_ms) end
return {granted, deadline}
