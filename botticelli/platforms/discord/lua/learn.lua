-- Note what Discord said of a bucket, or that all is closed for a while. Answers that overtake each other never open more.
-- KEYS: 1 bucket (hash: remaining, reset_ms)  2 closed until (text, ms)
-- ARGV: 1 remaining ('' when nothing was said)  2 milliseconds until the bucket resets  3 milliseconds for which all is closed
-- returns: 0
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if ARGV[1] ~= '' then
  local remaining, reset_ms = tonumber(ARGV[1]), now_ms + tonumber(ARGV[2])
  local known = redis.call('HGET', KEYS[1], 'remaining')
  local known_ms = tonumber(redis.call('HGET', KEYS[1], 'reset_ms') or '0')
  if known and known_ms > now_ms then
    remaining = math.min(remaining, tonumber(known))
    reset_ms = math.max(reset_ms, known_ms)
  end
  redis.call('HSET', KEYS[1], 'remaining', remaining, 'reset_ms', reset_ms)
  redis.call('PEXPIRE', KEYS[1], math.max(1000, reset_ms - now_ms + 1000))
end
local closed_ms = tonumber(ARGV[3])
if closed_ms > 0 then
  redis.call('SET', KEYS[2], now_ms + closed_ms, 'PX', closed_ms)
end
return 0
