-- Take the counts of refusals since they were last taken. Needs neither the gate nor a library.
--
-- KEYS       refusals (hash: "SCOPE\nWINDOW", a count each; the window of a closed scope is empty), see lib_grants
-- Returns    {field, count, ...}

local counts = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
return counts
