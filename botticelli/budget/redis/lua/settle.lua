-- After the provider request: charge what was really used, once.
--
-- KEYS, ARGV  see lib_call (one scope); besides: [3] ticket, [4] draw, [5] 1: what is asked was used, 0: nobody knows what
--             was used, so what was drawn is charged
-- Returns     {1 settled | 0 no such draw is open: nothing changed, time in ms}
-- What was not charged at the draw is charged now. Of what was: less than drawn goes back where it was charged, more is
-- charged now.

local scope = scopes[1]
local ticket, known = ARGV[3], ARGV[5] == '1'
local hold = read_hold(scope, ticket)
local draw = hold and hold.draws[ARGV[4]]
if not draw then
  save_known({scope})
  return {0, now}
end

local drawn, more = draw.amounts, amounts()
local actual = known and scope.asked or drawn
for metric, amount in ipairs(drawn) do more[metric] = actual[metric] - amount end
hold_more(scope, in_flight(drawn), -1)
charge(scope, actual, 'settle')
charge(scope, more, 'draw')
for _, w in ipairs(scope.windows) do
  local mark = draw.marks[w.name]
  if mark and more[w.metric] < 0 then w.kind.correct(scope, w, mark, -more[w.metric]) end
end

hold.draws[ARGV[4]] = nil
write_hold(scope, ticket, hold)
save_scope(scope)
return {1, now}
