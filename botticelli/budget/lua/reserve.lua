-- Hold the amounts of every scope for a ticket, or nothing.
--
-- KEYS, ARGV  see lib_scopes; the request has besides: ticket, lease_ms
-- Returns     {1, lease deadline in ms} | {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}
-- Whoever is refused keeps a place in the queue; a grant never takes what is kept for those who came before.
-- A scope in which the ticket already holds something keeps that, with a new lease: nothing is held twice.

local deadline = now + request.lease_ms
local fresh, worst = {}, nil

for number, scope in ipairs(scopes) do
  fresh[number] = redis.call('HEXISTS', scope.holds, request.ticket) == 0
  if fresh[number] then worst = examine(scope, number, amounts(), kept_for_others(scope, request.ticket), worst) end
end
if worst then
  wait_in_queues(scopes, worst, request.ticket)
  save_known(scopes)
  return refused(worst)
end

for number, scope in ipairs(scopes) do
  leave_queue(scope, request.ticket)
  if fresh[number] then
    write_hold(scope, request.ticket, open_hold(scope, request.ticket, scope.asked, deadline))
  else
    lease(scope, request.ticket, deadline)
  end
  save_scope(scope, request.lease_ms)
end
return {1, deadline}
