-- Library: the kinds `fixed` (one span from the first charge on) and `calendar` (from one local midnight to the next).
--
-- Kept of a window: used, leaves (when the span ends; 0: nothing is charged). The midnights of a calendar window come
-- with the call, ascending; the time now is among them (see lib_gate).

local fixed = {}

function fixed.expire(scope, w)
  if scope.now >= w.kept.leaves then w.kept.used, w.kept.leaves = 0, 0 end
end

function fixed.ends_at(scope, w) return scope.now + w.span_ms end

-- Charge now; the end of the span is the mark by which `correct` finds this charge again.
function fixed.charge(scope, w, amount)
  if w.kept.leaves == 0 then w.kept.leaves = w.kind.ends_at(scope, w) end
  w.kept.used = w.kept.used + amount
  return w.kept.leaves
end

function fixed.correct(_, w, mark, amount)
  if w.kept.leaves == mark then w.kept.used = w.kept.used - amount end
end

function fixed.used(_, w) return w.kept.used end
function fixed.room_at(_, w) return w.kept.leaves end
function fixed.resets_at(_, w) return w.kept.leaves end

local calendar = setmetatable({}, {__index = fixed})

function calendar.ends_at(scope, w)
  for _, midnight in ipairs(w.midnights) do
    if scope.now < midnight + w.guard_ms then return midnight + w.guard_ms end
  end
end

-- Whether the midnights that came with the call tell which day it is.
function calendar.knows(now, w)
  local first, last = w.midnights[1], w.midnights[#w.midnights]
  return now >= first + w.guard_ms and now < last + w.guard_ms
end
