-- Charge what a provider request has really used, once.
--
-- KEYS, ARGV  see lib_call (one scope); besides: [3] ticket, [4] draw, [5] 1: the requested amounts were used, 0: unknown,
--             so the drawn amounts are charged
-- Returns     {1 settled | 0 no such draw is open: nothing changed, time in ms}
-- Metrics that were not charged at the draw are charged now. For the others the difference counts: less than drawn is
-- returned where it was charged, more is charged now.

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
