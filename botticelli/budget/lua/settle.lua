-- After the provider request: charge what was really used, once.
--
-- KEYS, ARGV  see lib_scopes (one scope); the request has besides: ticket, draw, known (false: nobody knows what was
--             used, so what was drawn is charged; true: what is asked was used)
-- Returns     {1 settled | 0 no such draw is open: nothing changed, time in ms}
-- What was not charged at the draw is charged now. Of what was: less than drawn goes back where it was charged, more is
-- charged now.

local scope = scopes[1]
local hold = read_hold(scope, request.ticket)
local draw = hold and hold.draws[request.draw]
if not draw then
  save_known({scope})
  return {0, now}
end

local drawn, more = draw.amounts, amounts()
local actual = request.known and scope.asked or drawn
for _, metric in ipairs(METRICS) do more[metric] = actual[metric] - drawn[metric] end
hold_more(scope, in_flight(drawn), -1)
charge(scope, actual, 'settle')
charge(scope, more, 'draw')
for _, w in ipairs(scope.windows) do
  local mark = draw.marks[w.name]
  if mark and more[w.metric] < 0 then w.kind.correct(scope, w, mark, -more[w.metric]) end
end

hold.draws[request.draw] = nil
write_hold(scope, request.ticket, hold)
save_scope(scope)
return {1, now}
