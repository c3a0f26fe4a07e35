-- Library: the queue of refused reservations of a scope, so that small requests don't starve a large one.
--
-- `state.waiting` is a list of {ticket, at, until_ms, amounts} in order of arrival. Each was told to ask again at `at`.
-- Until `until_ms` its amounts are reserved for that time: a later request is granted only if every waiter before it can
-- still start at its time. The queue takes waits of up to two minutes and 32 tickets, so a waiter that never comes back
-- can't close a scope.
-- Uses        the window kinds (lib_windows)

local MOST_WAITING, LONGEST_WAIT_MS = 32, 120000
local LATE_MIN_MS, LATE_MAX_MS = 50, 2000 -- how late a waiter may come back: a twentieth of the window's period

local function expire_queue(scope)
  local waiting = scope.state.waiting
  for n = #waiting, 1, -1 do
    if waiting[n].until_ms <= scope.now then table.remove(waiting, n) end
  end
end

local function place_of(scope, ticket)
  for n, waiter in ipairs(scope.state.waiting) do
    if waiter.ticket == ticket then return n end
  end
end

local function leave_queue(scope, ticket)
  local place = place_of(scope, ticket)
  if place then table.remove(scope.state.waiting, place) end
end

-- Return the number of waiters before the ticket; without a ticket, of all waiters.
local function ahead_of(scope, ticket) return (place_of(scope, ticket) or #scope.state.waiting + 1) - 1 end

-- Return the amounts of the first `ahead` waiters whose time is not after `at`.
local function kept_for(scope, w, ahead, at)
  local kept, waiting = 0, scope.state.waiting
  for n = 1, ahead do
    if waiting[n].at <= at then kept = kept + waiting[n].amounts[w.metric] end
  end
  return kept
end

-- Return whether `amount` in addition to `held` would keep one of the first `ahead` waiters from starting at its time.
local function delays_others(scope, w, held, amount, ahead)
  for n = 1, ahead do
    local at = math.max(scope.now, scope.state.waiting[n].at)
    if w.kind.used_at(scope, w, at) + held + kept_for(scope, w, ahead, at) + amount > w.limit then return true end
  end
  return false
end

-- After a refusal, queue the ticket in the scope with the longest wait, and keep its places in other scopes.
local function wait_in_queues(scopes, worst, ticket)
  local w = scopes[worst.scope].windows[worst.window]
  if not w or worst.wait > LONGEST_WAIT_MS then return end
  local late_ms = math.max(LATE_MIN_MS, math.min(LATE_MAX_MS, math.floor(w.period_ms / 20)))
  for number, scope in ipairs(scopes) do
    local waiting, place = scope.state.waiting, place_of(scope, ticket)
    if place or (number == worst.scope and #waiting < MOST_WAITING) then
      local at = scope.now + worst.wait
      waiting[place or #waiting + 1] = {ticket = ticket, at = at, until_ms = at + late_ms, amounts = scope.asked}
    end
  end
end
