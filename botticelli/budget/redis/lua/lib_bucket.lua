-- Library: the window kind `bucket`, which holds the limit when full and refills continuously at limit / period.
--
-- State of a window: used (charges), and since (the time from which they flow back at limit / period). Both are whole
-- numbers, and rounding errors don't add up, because `since` moves by whole periods. The refill of a full bucket begins a
-- guard after its first charge: the request may reach the provider that much later.

local function make_bucket()
  local function refilled(scope, w, since)
    return math.max(0, scope.now - since) * w.limit / w.period_ms
  end

  local function refill_ms(w, amount) return math.ceil(amount * w.period_ms / math.max(1, w.limit)) end

  local function bucket_expire(scope, w)
    local kept = w.kept
    if kept.used == 0 then return end
    local periods = math.max(0, math.floor((scope.now - kept.since) / w.period_ms))
    kept.used, kept.since = kept.used - periods * w.limit, kept.since + periods * w.period_ms
    if kept.used <= refilled(scope, w, kept.since) then kept.used = 0 end
  end

  local function bucket_used(scope, w)
    if w.kept.used == 0 then return 0 end
    return w.kept.used - math.floor(refilled(scope, w, w.kept.since))
  end

  local function bucket_used_at(_, w, at)
    local back = math.floor(math.max(0, at - w.kept.since) * w.limit / w.period_ms)
    return math.max(0, w.kept.used - back)
  end

  -- Charge now. Return the time, which is the mark by which `correct` knows how much has flowed back since.
  local function bucket_charge(scope, w, amount)
    if w.kept.used == 0 then w.kept.since = scope.now + w.guard_ms end
    w.kept.used = w.kept.used + amount
    return scope.now
  end

  -- Return `amount` of the charge with this mark, except what may have flowed back since.
  local function bucket_correct(scope, w, mark, amount)
    local rest = math.min(amount - math.ceil(refilled(scope, w, mark)), bucket_used(scope, w))
    if rest > 0 then w.kept.used = w.kept.used - rest end
  end

  local function bucket_room_at(scope, w, excess)
    return w.kept.since + refill_ms(w, w.kept.used - bucket_used(scope, w) + excess)
  end

  local function bucket_resets_at(_, w)
    return w.kept.used == 0 and 0 or w.kept.since + refill_ms(w, w.kept.used)
  end

  return {
    new = function() return {used = 0, since = 0} end,
    expire = bucket_expire, charge = bucket_charge, correct = bucket_correct, used = bucket_used,
    used_at = bucket_used_at, room_at = bucket_room_at, resets_at = bucket_resets_at,
  }
end
