-- Library: the kind `sliding`: never more than the limit in any interval of the period.
--
-- Kept of a window: used, leaves (when its oldest bucket leaves; 0: nothing is charged), head and tail (the numbers of
-- its oldest and newest bucket). Bucket n takes what is charged from n * width_ms on, in the field "<window>@<n>" of
-- the usage hash: "amount last_ms". It leaves when its LAST charge is a full span old, never earlier.

local BUCKETS_PER_PERIOD = 240

local function make_sliding()
  local function width_ms(w) return math.max(1, math.ceil(w.period_ms / BUCKETS_PER_PERIOD)) end
  local function bucket_field(w, n) return string.format('%s@%d', w.name, n) end

  local function read_bucket(scope, w, n)
    local packed = redis.call('HGET', scope.usage, bucket_field(w, n))
    if not packed then return 0, nil end
    local amount, last = string.match(packed, '(%d+) (%d+)')
    return tonumber(amount), tonumber(last)
  end

  local function write_bucket(scope, w, n, amount, last)
    redis.call('HSET', scope.usage, bucket_field(w, n), string.format('%d %d', amount, last))
  end

  -- Let go of what has left: each bucket is visited once in its life.
  local function sliding_expire(scope, w)
    local kept = w.kept
    if kept.leaves == 0 or scope.now < kept.leaves then return end
    while kept.head <= kept.tail do
      local amount, last = read_bucket(scope, w, kept.head)
      if last and last + w.span_ms > scope.now then
        kept.leaves = last + w.span_ms
        return
      end
      if last then redis.call('HDEL', scope.usage, bucket_field(w, kept.head)) end
      kept.used, kept.head = kept.used - amount, kept.head + 1
    end
    kept.used, kept.leaves = 0, 0
  end

  -- Charge now; gives the mark by which `correct` finds this charge again.
  local function sliding_charge(scope, w, amount)
    local kept, n = w.kept, math.floor(scope.now / width_ms(w))
    kept.used = kept.used + amount
    if kept.leaves == 0 then kept.head = n end
    if kept.head == n then kept.leaves = scope.now + w.span_ms end
    kept.tail = n
    write_bucket(scope, w, n, read_bucket(scope, w, n) + amount, scope.now)
    return n
  end

  -- Give `amount` back where it was charged, and only there: what has left its window stays gone.
  local function sliding_correct(scope, w, mark, amount)
    local charged, last = read_bucket(scope, w, mark)
    if not last then return end
    write_bucket(scope, w, mark, charged - amount, last)
    w.kept.used = w.kept.used - amount
  end

  local function sliding_used(_, w) return w.kept.used end

  -- When `excess` of what is charged will have left.
  local function sliding_room_at(scope, w, excess)
    local leaves = w.kept.leaves
    for n = w.kept.head, w.kept.tail do
      local charged, last = read_bucket(scope, w, n)
      excess, leaves = excess - charged, last and last + w.span_ms or leaves
      if excess <= 0 then break end
    end
    return leaves
  end

  local function sliding_resets_at(_, w) return w.kept.leaves end

  return {
    new = function() return {used = 0, leaves = 0, head = 0, tail = 0} end,
    expire = sliding_expire, charge = sliding_charge, correct = sliding_correct, used = sliding_used,
    room_at = sliding_room_at, resets_at = sliding_resets_at,
  }
end
