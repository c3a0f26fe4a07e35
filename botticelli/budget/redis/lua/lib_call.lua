-- Library: the arguments of a call, and the time. First in every script; lib_quick needs nothing else.
--
-- KEYS       three for each scope: usage (hash), holds (hash), leases (sorted set); the last one: epoch (string)
-- ARGV[1]    the limits: for each scope a digest of its own, then JSON of them all: for each scope
--            [guard_ms, [name, number of the metric, limit, period_ms, kind, midnights], ...]
-- ARGV[2]    JSON: the amounts that are requested from each scope; then, for tests only, the time in milliseconds
-- ARGV[3...] see the header of each script
-- Amounts are lists: one number for each metric, in the order of CHARGED_AT (lib_windows).
--
-- The usage hash has the buckets of sliding windows (see lib_ring), "state" (see lib_scopes) and "head", a JSON list:
-- the format; the digest of the limits; the epoch in which the scope was begun; then in ms: the latest time seen (time
-- never goes back), until when nothing expires and nobody waits (0: unknown), the latest end of a lease for which the keys
-- live long enough, the first end of a lease (0: no ticket). Then the held amounts, and for each metric the room: the
-- smallest difference between the limit of a window and its charges.

local FORMAT, DIGEST_SIZE = 2, 16
local DIGEST, EPOCH, SEEN, QUIET, LASTS, NEXT_LEASE, HELD, ROOM = 2, 3, 4, 5, 6, 7, 7, 13 -- positions in a head
local ENDLESS = 2 ^ 53 -- the room of a metric without a window

local scope_count, asked = (#KEYS - 1) / 3, cjson.decode(ARGV[2])

local function digest_of(number)
  return string.sub(ARGV[1], (number - 1) * DIGEST_SIZE + 1, number * DIGEST_SIZE)
end

local function server_ms()
  if asked[scope_count + 1] then return asked[scope_count + 1] end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local HEAD = '[%d,"%s","%s",%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d]'
local HOLD = '[[%d,%d,%d,%d,%d,%d],{}]'

local function packed_head(head) return string.format(HEAD, unpack(head)) end

-- Return the hold of a ticket without draws, as lib_holds reads it.
local function packed_hold(undrawn) return string.format(HOLD, unpack(undrawn)) end
