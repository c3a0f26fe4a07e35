-- Spend amounts of one scope at once, without a ticket.
--
-- KEYS, ARGV  see lib_call (one scope)
-- Returns     {1, time in ms} | {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}

local scope = scopes[1]
local worst = examine(scope, 1, amounts(), ahead_of(scope))
if worst then
  save_known({scope})
  return refused(worst)
end
charge(scope, scope.asked)
save_scope(scope)
return {1, now}
