-- Library: the windows of one scope, whatever their kind. A kind is a table of functions:
--
-- new        the state of a window without charges           used        the amount that is charged now
-- expire     remove charges that have left                   used_at     the part of it that still counts at a time
-- charge     charge now, and return a mark                   room_at     when an amount of it will have left
-- correct    return a part of the charge with a mark         resets_at   when all of it will have left
-- Uses       make_sliding, make_span, make_bucket (lib_sliding, lib_spans, lib_bucket)

-- When each metric is charged: at the draw, or at the settle, until which it is held. Slots are never charged: they are
-- held until the settle.
local CHARGED_AT = {
  'draw', -- requests
  'settle', -- tokens
  'draw', -- input_tokens
  'settle', -- output_tokens
  'settle', -- cost_microusd
  'never', -- concurrency
}

local kinds = {} -- the kinds that this call needs: defining functions takes time
local HELD_WAIT_MIN_MS, HELD_WAIT_MAX_MS = 50, 1000 -- wait when holds are in the way, which may end at any moment: period / 60

local function amounts() return {0, 0, 0, 0, 0, 0} end

local function kind_of(name)
  if not kinds[name] then
    if name == 'sliding' then kinds[name] = make_sliding()
    elseif name == 'bucket' then kinds[name] = make_bucket()
    else kinds[name] = make_span(name ~= 'fixed') end
  end
  return kinds[name]
end

-- Return the window of one spec (see lib_call), with its state.
-- Windows that end at a set time (fixed, calendar, month) are not widened: a later end would take from the next span.
local function open_window(spec, guard_ms, spread_ms, kept_windows)
  local name, period_ms, kind = spec[1], spec[4], kind_of(spec[5])
  if spec[5] == 'sliding' or spec[5] == 'bucket' then guard_ms = math.max(guard_ms, spread_ms) end
  local kept, added = kept_windows[name], not kept_windows[name]
  if added then
    kept = kind.new()
    kept_windows[name] = kept
  end
  return {
    name = name, metric = spec[2], limit = spec[3], period_ms = period_ms, span_ms = period_ms + guard_ms,
    guard_ms = guard_ms, kind = kind, midnights = spec[6], kept = kept, added = added,
  }
end

-- Charge the metrics that are charged at `moment` (nil: at either). Return the marks by window.
local function charge(scope, some, moment)
  local marks = {}
  for _, w in ipairs(scope.windows) do
    local charged_at, amount = CHARGED_AT[w.metric], some[w.metric]
    if amount > 0 and charged_at ~= 'never' and (moment or charged_at) == charged_at then
      marks[w.name] = w.kind.charge(scope, w, amount)
    end
  end
  return marks
end

-- Return the ms until `amount` fits beside `held`, if that stays held; a short wait when only holds are in the way. A
-- ticket that is `queued` behind others waits at least until the first of them comes back.
local function wait_ms(scope, w, held, amount, queued)
  if amount > w.limit then return math.huge end
  if held + amount > w.limit then
    local turn_ms = queued and scope.state.waiting[1].at - scope.now or 0
    return math.max(HELD_WAIT_MIN_MS, turn_ms, math.min(HELD_WAIT_MAX_MS, math.ceil(w.period_ms / 60)))
  end
  return w.kind.room_at(scope, w, w.kind.used(scope, w) + held + amount - w.limit) - scope.now
end
