-- Hold the amounts of every scope for a ticket, or nothing.
--
-- KEYS, ARGV  see lib_call; besides: [3] ticket, [4] lease in ms
-- Returns     {1, lease deadline in ms} | {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}
-- Whoever is refused keeps a place in the queue; a grant never delays those who came before.
-- A scope in which the ticket already holds something keeps that, with a new lease: nothing is held twice.

local ticket, lease_ms = ARGV[3], tonumber(ARGV[4])
local deadline = now + lease_ms
local fresh, worst = {}, nil

for number, scope in ipairs(scopes) do
  fresh[number] = redis.call('HEXISTS', scope.holds, ticket) == 0
  if fresh[number] then worst = examine(scope, number, amounts(), ahead_of(scope, ticket), worst) end
end
if worst then
  wait_in_queues(scopes, worst, ticket)
  save_known(scopes)
  return refused(worst)
end

for number, scope in ipairs(scopes) do
  leave_queue(scope, ticket)
  if fresh[number] then
    write_hold(scope, ticket, open_hold(scope, ticket, scope.asked, deadline))
  else
    lease(scope, ticket, deadline)
  end
  save_scope(scope, lease_ms)
end
return {1, deadline}
