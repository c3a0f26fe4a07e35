-- Takes further messages from a queue, oldest first, up to the first one of another task (rows of this task are due without
-- their message, so a lost copy does no harm).
-- KEYS: 1 queue (list)
-- ARGV: 1 most messages to take, 2 text that every message of the task contains
-- returns: the messages, in order of arrival
local taken = {}
while #taken < tonumber(ARGV[1]) do
  local message = redis.call('LINDEX', KEYS[1], -1)
  if not message or not string.find(message, ARGV[2], 1, true) then break end
  taken[#taken + 1] = redis.call('RPOP', KEYS[1])
end
return taken
