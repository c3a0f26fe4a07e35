-- Ask whether one request may be sent now, and count it if so.
-- KEYS: 1 bucket (hash: remaining, reset_ms)  2 closed until (text, ms)  3 sent in this second (prefix)
-- ARGV: 1 requests per second, all together
-- returns: 0 when it may; else the milliseconds to wait
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local closed_ms = tonumber(redis.call('GET', KEYS[2]) or '0')
if closed_ms > now_ms then
  return closed_ms - now_ms
end
local remaining = redis.call('HGET', KEYS[1], 'remaining')
local reset_ms = tonumber(redis.call('HGET', KEYS[1], 'reset_ms') or '0')
if remaining and reset_ms > now_ms and tonumber(remaining) <= 0 then
  return reset_ms - now_ms
end
local second = tonumber(redis.call('HGET', KEYS[3], 'second') or '0')
local sent = tonumber(redis.call('HGET', KEYS[3], 'sent') or '0')
local this_second = math.floor(now_ms / 1000)
if second == this_second and sent >= tonumber(ARGV[1]) then
  return (this_second + 1) * 1000 - now_ms
end
redis.call('HSET', KEYS[3], 'second', this_second, 'sent', second == this_second and sent + 1 or 1)
redis.call('PEXPIRE', KEYS[3], 5000)
if remaining and reset_ms > now_ms then
  redis.call('HINCRBY', KEYS[1], 'remaining', -1)
end
return 0
