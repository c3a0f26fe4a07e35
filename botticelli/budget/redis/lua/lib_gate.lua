-- Library: refuse every call until the server knows what its scopes have used, and the calendar.
--
-- The epoch is the time at which the memory of this server begins, in ms. `server` opens it, and it is lost together
-- with all other data. The head of a scope names the epoch in which the scope was begun. An unknown scope needs nothing
-- when the epoch is older than its longest window: it has used nothing that still counts. Any other unknown scope, and a
-- new window of a known scope, has to be begun by `seed` with past charges from the ledger.
-- Uses        read_scopes, save_scope, expire_scope (lib_scopes)
-- Defines     scopes, now, epoch
-- Returns     to the client, in place of the reply of the script: {-1, epoch, numbers of the scopes to begin ...} |
--             {-2, time in ms}: send the midnights around that time | {-3}: open an epoch

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
