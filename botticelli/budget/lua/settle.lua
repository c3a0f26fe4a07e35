-- After the provider request: charge what was really used, once.
--
-- KEYS, ARGV  see lib_scopes (one scope); the request has besides: ticket, draw, known (false: nobody knows what was
--             used, so what was drawn is charged; true: what is asked was used)
-- Returns     {1 settled | 0 no such draw is open: nothing changed, time in ms}
-- Tokens are charged now. Fewer requests than drawn: the difference goes back where it was charged; more: charged now.

local scope = open_scopes()[1]
local hold = read_hold(scope, request.ticket)
local draw = hold and hold.draws[request.draw]
if not draw then
  save_known({scope})
  return {0, scope.now}
end

local actual = request.known and scope.asked or draw
scope.held.tokens = scope.held.tokens - draw.tokens
charge(scope, 'tokens', actual.tokens)
charge(scope, 'requests', actual.requests - draw.requests)
for _, w in ipairs(scope.windows) do
  local mark = draw.marks[w.name]
  if mark and actual.requests < draw.requests then correct_charge(scope, w, mark, draw.requests - actual.requests) end
end

hold.draws[request.draw] = nil
write_hold(scope, request.ticket, hold)
save_scope(scope)
return {1, scope.now}
