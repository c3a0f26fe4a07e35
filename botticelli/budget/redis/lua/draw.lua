-- Right before a provider request: move amounts of one scope from held to in flight.
--
-- KEYS, ARGV  see lib_call (one scope); besides: [3] ticket, [4] draw, [5] lease in ms for a ticket that is gone
-- Returns     {1, time of the draw in ms, amount of each metric ...} |
--             {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}
-- What CHARGED_AT names `draw` is charged now; the rest stays held, in every window, until the settle. A draw that is
-- open is given again, unless it is of another epoch: the ledger may not have known it when the scope was begun, so it
-- is drawn anew. A draw waits for nobody's place in the queue: its iteration is already running.

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
