-- Library: the check of every grant, and the reply of a refusal, which is counted in the hash "refusals" (see refusals).
--
-- Uses        kept_for, delays_others (lib_queue), wait_ms (lib_windows)

local COUNTED_SECONDS = 86400 -- counts that nobody takes for so long are dropped

local function longer(worst, number, window, name, used, asked, wait)
  if worst and worst.wait >= wait then return worst end
  return {scope = number, window = window, name = name, used = used, asked = asked, wait = wait}
end

-- Return the refusal with the longest wait: `worst`, or one of this scope for `scope.asked`; nil without any. The ticket
-- already holds `covered`; `ahead` is the number of waiters before it. Window 0 means that the scope is blocked.
local function examine(scope, number, covered, ahead, worst)
  local asked, rest_ms = scope.asked, scope.state.blocked - scope.now
  if rest_ms > 0 then worst = longer(worst, number, 0, '', 0, asked[1], rest_ms) end
  for i, w in ipairs(scope.windows) do
    local amount, own = asked[w.metric], covered[w.metric]
    if amount > own then
      local used, held = w.kind.used(scope, w), scope.held[w.metric] - own
      if used + held + amount > w.limit or delays_others(scope, w, held, amount, ahead) then
        local kept = kept_for(scope, w, ahead, math.huge)
        local wait = wait_ms(scope, w, held + kept, amount, kept > 0)
        worst = longer(worst, number, i, w.name, used + held + kept, amount, wait)
      end
    end
  end
  return worst
end

local function refused(worst)
  local root, scope = string.match(KEYS[3 * worst.scope - 2], '^(.-:budget:)usage:(.*)$')
  redis.call('HINCRBY', root .. 'refusals', scope .. '\n' .. worst.name, 1)
  redis.call('EXPIRE', root .. 'refusals', COUNTED_SECONDS)
  return {0, worst.scope, worst.window, worst.used, worst.asked, worst.wait < math.huge and worst.wait or -1}
end
