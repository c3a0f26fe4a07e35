-- Spend at once, without a ticket.
--
-- KEYS, ARGV  see lib_scopes (one scope)
-- Returns     {1, time in ms} | {0, scope number, window number (0: blocked), used, asked, wait in ms or -1}

local scope = open_scopes()[1]
local worst = examine(scope, 1, {requests = 0, tokens = 0})
if worst then
  save_known({scope})
  return refused(worst)
end
for _, metric in ipairs(METRICS) do charge(scope, metric, scope.asked[metric]) end
save_scope(scope)
return {1, scope.now}
