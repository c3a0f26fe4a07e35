-- Library: the windows of one scope, whatever their kind. A kind gives what is kept of a `new` window, knows how to
-- `expire` what has left, to `charge` now (which gives a mark), to `correct` a charge by its mark, and tells what is
-- `used`, what of it will be left at a time (`used_at`), when some room will be (`room_at`) and when all is gone
-- (`resets_at`).

-- When amounts are charged: when they are drawn, or when they are settled and held until then. Slots are never
-- charged: they are held until the settle.
local CHARGED_AT = {
  'draw', -- requests
  'settle', -- tokens
  'draw', -- input_tokens
  'settle', -- output_tokens
  'settle', -- cost_microusd
  'never', -- concurrency
}

local kinds = {} -- those that this call needs: making functions takes time
local HELD_WAIT_MIN_MS, HELD_WAIT_MAX_MS = 50, 1000 -- the wait for holds, which may end at any moment: period / 60

local function amounts() return {0, 0, 0, 0, 0, 0} end

local function kind_of(name)
  if not kinds[name] then
    if name == 'sliding' then kinds[name] = make_sliding()
    elseif name == 'bucket' then kinds[name] = make_bucket()
    else kinds[name] = make_span(name ~= 'fixed') end
  end
  return kinds[name]
end

-- The window of one spec (see lib_call), with what is kept of it.
-- Those that end at a time of their own (fixed, calendar) are never widened: a later end would take from the next span.
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

-- Charge all that is charged at `moment` (nil: everything that is ever charged); gives the marks by window.
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

-- When `amount` fits beside the `held` amounts, if those stay: enough charges have left, or else a holder settled.
-- Whoever is `queued` behind others waits at least for the first of them.
local function wait_ms(scope, w, held, amount, queued)
  if amount > w.limit then return math.huge end
  if held + amount > w.limit then
    local turn_ms = queued and scope.state.waiting[1].at - scope.now or 0
    return math.max(HELD_WAIT_MIN_MS, turn_ms, math.min(HELD_WAIT_MAX_MS, math.ceil(w.period_ms / 60)))
  end
  return w.kind.room_at(scope, w, w.kind.used(scope, w) + held + amount - w.limit) - scope.now
end
