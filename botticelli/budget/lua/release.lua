-- Close a ticket, or give up its place in the queue: what was never drawn goes back, draws that are still open are charged as drawn.
--
-- KEYS, ARGV  see lib_scopes; the request has besides: ticket
-- Returns     the number of scopes in which the ticket held something

local closed = 0
for _, scope in ipairs(scopes) do
  leave_queue(scope, request.ticket)
  local hold = read_hold(scope, request.ticket)
  if hold then
    close_hold(scope, request.ticket, hold)
    closed = closed + 1
  end
end
save_known(scopes)
return closed
