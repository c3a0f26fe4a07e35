-- Library: the buckets of a sliding window (see lib_sliding).
--
-- Bucket n has the charges from n * width_ms on. It is the field "<window>@<n>" of the usage hash: "amount last_ms", where
-- last_ms is the time of its last charge.

local BUCKETS_PER_PERIOD = 240

local function make_ring()
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

  -- Return the part of the charges that will still count at `at`. Reads each bucket once in a call, which is right since
  -- nothing is charged before this is called.
  local function used_at(scope, w, at)
    local rest = w.kept.used
    w.read = w.read or {}
    for n = w.kept.head, w.kept.tail do
      local bucket = w.read[n] or {read_bucket(scope, w, n)}
      w.read[n] = bucket
      if bucket[2] and bucket[2] + w.span_ms > at then break end
      rest = rest - bucket[1]
    end
    return rest
  end

  -- Return when `excess` of the charges will have left.
  local function room_at(scope, w, excess)
    local leaves = w.kept.leaves
    for n = w.kept.head, w.kept.tail do
      local charged, last = read_bucket(scope, w, n)
      excess, leaves = excess - charged, last and last + w.span_ms or leaves
      if excess <= 0 then break end
    end
    return leaves
  end

  return {
    width_ms = width_ms, field = bucket_field, read = read_bucket, write = write_bucket,
    used_at = used_at, room_at = room_at,
  }
end
