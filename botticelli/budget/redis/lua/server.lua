-- Check the identity of the server on a new connection, and open an epoch if it is not the one that the epoch is of.
--
-- KEYS, ARGV  epoch (string), server (string: the id of the server whose memory the epoch is of);
--             the id of the server at the other end: the id of its data where one is known, which a server shares with
--             those before it that were stopped in good order, else its run id; the time in milliseconds, for tests
--             only, in place of TIME
-- Returns     1 when an epoch was opened, else 0
-- A server that was restarted from a file, or a replica that took over, may lack the last charges. It has another id, and
-- counts as a server that lost its data. An epoch is never used twice.

local epoch, opened_by = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
if epoch and opened_by == ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
local time = redis.call('TIME')
local now = tonumber(ARGV[2]) or time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], string.format('%d', math.max(now, tonumber(epoch or 0) + 1)))
return 1
