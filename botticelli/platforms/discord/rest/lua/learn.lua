-- Records what Discord said about a bucket. Answers that arrive out of order never grant more.
-- KEYS: 1 bucket (hash: remaining, reset_ms)
-- ARGV: 1 remaining  2 milliseconds until the bucket resets
-- returns: 0
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local remaining, reset_ms = tonumber(ARGV[1]), now_ms + tonumber(ARGV[2])
local known = redis.call('HGET', KEYS[1], 'remaining')
local known_ms = tonumber(redis.call('HGET', KEYS[1], 'reset_ms') or '0')
if known and known_ms > now_ms then
  remaining = math.min(remaining, tonumber(known))
  reset_ms = math.max(reset_ms, known_ms)
end
redis.call('HSET', KEYS[1], 'remaining', remaining, 'reset_ms', reset_ms)
redis.call('PEXPIRE', KEYS[1], math.max(1000, reset_ms - now_ms + 1000))
return 0
