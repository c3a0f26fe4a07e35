-- Grants and counts one request of a bucket, or returns the wait.
-- KEYS: 1 bucket (hash: remaining, reset_ms)
-- returns: 0 if granted, else the milliseconds to wait
local remaining = redis.call('HGET', KEYS[1], 'remaining')
if not remaining then
  return 0
end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local reset_ms = tonumber(redis.call('HGET', KEYS[1], 'reset_ms') or '0')
if reset_ms <= now_ms then
  return 0
end
if tonumber(remaining) <= 0 then
  return reset_ms - now_ms
end
redis.call('HINCRBY', KEYS[1], 'remaining', -1)
return 0
