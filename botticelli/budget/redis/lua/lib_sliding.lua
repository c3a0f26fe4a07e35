-- Library: the window kind `sliding`, which allows no more than the limit in any interval of the period.
--
-- State of a window: used; leaves (when its oldest bucket leaves; 0: no charges); head and tail (the numbers of its oldest
-- and newest bucket; see lib_ring). A bucket leaves when its LAST charge is a full span old, never earlier.
-- Uses        make_ring (lib_ring)

local function make_sliding()
  local ring = make_ring()
  local read_bucket, write_bucket = ring.read, ring.write

  -- Remove buckets that have left. Each bucket is visited once in its life.
  local function sliding_expire(scope, w)
    local kept = w.kept
    if kept.leaves == 0 or scope.now < kept.leaves then return end
    while kept.head <= kept.tail do
      local amount, last = read_bucket(scope, w, kept.head)
      if last and last + w.span_ms > scope.now then
        kept.leaves = last + w.span_ms
        return
      end
      if last then redis.call('HDEL', scope.usage, ring.field(w, kept.head)) end
      kept.used, kept.head = kept.used - amount, kept.head + 1
    end
    kept.used, kept.leaves = 0, 0
  end

  -- Charge now. Return the mark by which `correct` finds this charge.
  local function sliding_charge(scope, w, amount)
    local kept, n = w.kept, math.floor(scope.now / ring.width_ms(w))
    kept.used = kept.used + amount
    if kept.leaves == 0 then kept.head = n end
    if kept.head == n then kept.leaves = scope.now + w.span_ms end
    kept.tail = n
    write_bucket(scope, w, n, read_bucket(scope, w, n) + amount, scope.now)
    return n
  end

  -- Return `amount` of the charge with this mark, unless it has already left.
  local function sliding_correct(scope, w, mark, amount)
    local charged, last = read_bucket(scope, w, mark)
    if not last then return end
    write_bucket(scope, w, mark, charged - amount, last)
    w.kept.used = w.kept.used - amount
  end

  local function sliding_used(_, w) return w.kept.used end
  local function sliding_resets_at(_, w) return w.kept.leaves end

  return {
    new = function() return {used = 0, leaves = 0, head = 0, tail = 0} end,
    expire = sliding_expire, charge = sliding_charge, correct = sliding_correct, used = sliding_used,
    used_at = ring.used_at, room_at = ring.room_at, resets_at = sliding_resets_at,
  }
end
