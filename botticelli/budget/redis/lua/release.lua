-- Close a ticket, or give up its place in the queue: what was never drawn goes back, draws that are still open are charged as drawn.
--
-- KEYS, ARGV  see lib_call; besides: [3] ticket
-- Returns     the number of scopes in which the ticket held something

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
