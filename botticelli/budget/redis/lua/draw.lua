-- Move amounts of one scope from held to in flight, right before the provider request.
--
-- KEYS, ARGV  see lib_call (one scope); besides: [3] ticket, [4] draw, [5] lease in ms if the ticket is gone
-- Returns     {1, time of the draw in ms, amount of each metric ...} |
--             {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}
-- Metrics that CHARGED_AT lists under `draw` are charged now. The others stay held until the settle. An open draw is
-- returned again. If it is of another epoch, it is drawn anew, since the ledger may not have had it when the scope was
-- restored. Draws ignore the queue, because their iteration is already running.

local scope = scopes[1]
local asked, ticket, draw, lease_ms = scope.asked, ARGV[3], ARGV[4], tonumber(ARGV[5])
local hold = read_hold(scope, ticket)
local open = hold and hold.draws[draw]
if open and open.epoch ~= epoch then
  hold_more(scope, in_flight(open.amounts), -1)
  hold.draws[draw], open = nil, nil
  write_hold(scope, ticket, hold)
end
if open then
  save_scope(scope)
  return {1, open.at, unpack(open.amounts)}
end

local undrawn, covered = hold and hold.undrawn or amounts(), amounts()
for metric, amount in ipairs(asked) do covered[metric] = math.min(undrawn[metric], amount) end
local worst = examine(scope, 1, covered, 0)
if worst then
  save_known({scope})
  return refused(worst)
end

local kept = hold or open_hold(scope, ticket, undrawn, now + lease_ms)
for metric, amount in ipairs(covered) do undrawn[metric] = undrawn[metric] - amount end
hold_more(scope, covered, -1)
hold_more(scope, in_flight(asked), 1)
kept.draws[draw] = {amounts = asked, at = now, epoch = epoch, marks = charge(scope, asked, 'draw')}
write_hold(scope, ticket, kept)
save_scope(scope, not hold and lease_ms)
return {1, now, unpack(asked)}
