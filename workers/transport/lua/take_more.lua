-- Take further messages from a queue, the oldest first, as long as they are of a task that is due without its message.
-- KEYS: 1 queue (list)
-- ARGV: 1 how many messages at most, 2 what a message of that task contains
-- returns: the messages, in the order in which they came
local taken = {}
while #taken < tonumber(ARGV[1]) do
  local message = redis.call('LINDEX', KEYS[1], -1)
  if not message or not string.find(message, ARGV[2], 1, true) then break end
  taken[#taken + 1] = redis.call('RPOP', KEYS[1])
end
return taken
