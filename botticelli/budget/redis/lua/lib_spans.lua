-- Library: the window kinds `fixed` (a span begins with its first charge), `calendar` (local midnight to midnight) and
-- `month` (the first of a month to the next).
--
-- State of a window: used; leaves (when the span ends; 0: no charges). The call brings the midnights at which days or
-- months begin, ascending. lib_gate makes sure that the present time is between them.

local function make_span(by_calendar)
  local function span_new() return {used = 0, leaves = 0} end

  local function span_expire(scope, w)
    if scope.now >= w.kept.leaves then w.kept.used, w.kept.leaves = 0, 0 end
  end

  local function from_first_charge(scope, w) return scope.now + w.span_ms end

  local function until_midnight(scope, w)
    for _, midnight in ipairs(w.midnights) do
      if scope.now < midnight + w.guard_ms then return midnight + w.guard_ms end
    end
  end

  local ends_at = by_calendar and until_midnight or from_first_charge

  -- Charge now. Return the end of the span, which is the mark by which `correct` finds this charge.
  local function span_charge(scope, w, amount)
    if w.kept.leaves == 0 then w.kept.leaves = ends_at(scope, w) end
    w.kept.used = w.kept.used + amount
    return w.kept.leaves
  end

  local function span_correct(_, w, mark, amount)
    if w.kept.leaves == mark then w.kept.used = w.kept.used - amount end
  end

  local function span_used(_, w) return w.kept.used end
  local function span_used_at(_, w, at) return at < w.kept.leaves and w.kept.used or 0 end
  local function span_leaves(_, w) return w.kept.leaves end

  -- Return whether the present time is between the midnights of the call.
  local function span_knows(now, w)
    local first, last = w.midnights[1], w.midnights[#w.midnights]
    return now >= first + w.guard_ms and now < last + w.guard_ms
  end

  return {
    new = span_new, expire = span_expire, charge = span_charge, correct = span_correct, used = span_used,
    used_at = span_used_at, room_at = span_leaves, resets_at = span_leaves, knows = span_knows,
  }
end
