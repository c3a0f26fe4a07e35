-- Library: no call passes before the server remembers what its scopes have used, and which day it is.
--
-- The epoch is the time at which this server's memory begins, in ms; it is lost together with everything else, and
-- opened by `server`. A scope was begun in the epoch that its head names. A scope that is not known in an epoch as old
-- as its longest window has used nothing that still counts. Any other has to be begun by `seed`, with what the ledger
-- knows of it; so has a window that is new in a scope that is known.
-- Returns to the client, in place of the script's answer: {-1, epoch, numbers of the scopes to begin ...} |
--          {-2, time in ms}: send the midnights around that time | {-3}: open an epoch

local scopes, now = read_scopes()
local epoch = redis.call('GET', KEYS[#KEYS])
if not epoch then return {-3} end

local lost = {-1, epoch}
for number, scope in ipairs(scopes) do
  if scope.known == 'foreign' then save_scope(scope) end
  local added = false
  for _, w in ipairs(scope.windows) do
    added = added or (w.added and scope.known)
    if w.midnights and not w.kind.knows(now, w) then return {-2, now} end
  end
  local forgotten = not scope.known and now - tonumber(epoch) > scope.longest_ms
  if #scope.windows == 0 or forgotten then scope.epoch = epoch end
  if added or scope.epoch ~= epoch then lost[#lost + 1] = number end
end
if #lost > 2 then return lost end
for _, scope in ipairs(scopes) do expire_scope(scope) end
