-- Close a ticket: return undrawn amounts and its place in the queue, and charge open draws as drawn.
--
-- KEYS, ARGV  see lib_call; besides: [3] ticket
-- Returns     the number of scopes in which the ticket was known

local ticket, closed = ARGV[3], 0
for _, scope in ipairs(scopes) do
  leave_queue(scope, ticket)
  local hold = read_hold(scope, ticket)
  if hold then
    close_hold(scope, ticket, hold)
    closed = closed + 1
  end
end
save_known(scopes)
return closed
