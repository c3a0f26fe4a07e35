-- Library: the windows of one scope: what is charged in them, when it leaves, and when a refused amount would fit.
-- Put in front of every script. It only knows `scope.usage` (the key of the hash), `scope.now` and the window `w`.
--
-- A window's state is one field of the hash, named like the window: "used leaves head tail".
--   used    what is charged in it now
--   leaves  sliding: when the oldest bucket leaves; fixed: when the window ends; 0: nothing is charged
--   head, tail   sliding: the numbers of the oldest and the newest bucket
-- Bucket n of a sliding window takes what is charged from n * width_ms on, in the field "<window>@<n>": "amount last_ms".
-- It leaves when its LAST charge is a full span (period + guard) old, never earlier: no interval passes the limit.

local BUCKETS_PER_PERIOD = 60

local function open_window(spec, guard_ms, packed)
  local name, metric, limit, period_ms, kind = unpack(spec)
  local used, leaves, head, tail = string.match(packed or '0 0 0 0', '(%d+) (%d+) (%d+) (%d+)')
  return {
    name = name, metric = metric, limit = limit, fixed = kind == 'fixed', span_ms = period_ms + guard_ms,
    width_ms = math.max(1, math.ceil(period_ms / BUCKETS_PER_PERIOD)), changed = false,
    used = tonumber(used), leaves = tonumber(leaves), head = tonumber(head), tail = tonumber(tail),
  }
end

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
local function expire_window(scope, w)
  if w.leaves == 0 or scope.now < w.leaves then return end
  w.changed = true
  while not w.fixed and w.head <= w.tail do
    local amount, last = read_bucket(scope, w, w.head)
    if last and last + w.span_ms > scope.now then
      w.leaves = last + w.span_ms
      return
    end
    if last then redis.call('HDEL', scope.usage, bucket_field(w, w.head)) end
    w.used, w.head = w.used - amount, w.head + 1
  end
  w.used, w.leaves = 0, 0
end

-- Charge now; gives the mark by which `correct_charge` finds this charge again.
local function charge_window(scope, w, amount)
  w.changed, w.used = true, w.used + amount
  if w.fixed then
    if w.leaves == 0 then w.leaves = scope.now + w.span_ms end
    return w.leaves
  end
  local n = math.floor(scope.now / w.width_ms)
  if w.leaves == 0 then w.head = n end
  if w.head == n then w.leaves = scope.now + w.span_ms end
  w.tail = n
  write_bucket(scope, w, n, read_bucket(scope, w, n) + amount, scope.now)
  return n
end

-- Give `amount` back where it was charged, and only there: what has left its window stays gone.
local function correct_charge(scope, w, mark, amount)
  if w.fixed then
    if w.leaves == mark then w.used, w.changed = w.used - amount, true end
    return
  end
  local charged, last = read_bucket(scope, w, mark)
  if last then
    write_bucket(scope, w, mark, charged - amount, last)
    w.used, w.changed = w.used - amount, true
  end
end
