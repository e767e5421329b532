-- Removes the oldest entries of the audit trail, a few at a time.
--
-- KEYS
--   1 audit stream
-- ARGV
--   1 id of the last entry to go, `<seq>-0`
--   2 the hash that it must have
--   3 how many entries to remove at most; 0 only tries whether it is permitted
-- Returns
--   the number of entries removed; -1 where that entry is not there, or has another hash
--
-- No shebang: it loads on Redis 6.2, 7, 8 and Valkey.

local audit, upto, pinned, step = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = redis.call('XRANGE', audit, upto, upto)[1]
local hash
for i = 1, found and #found[2] or 0, 2 do
  if found[2][i] == 'hash' then hash = found[2][i + 1] end
end
if hash ~= pinned then return -1 end
if step == 0 then return redis.call('XTRIM', audit, 'MINID', '0-1') end

-- The entry itself goes last, since it is what the next call is checked against.
local going = redis.call('XRANGE', audit, '-', upto, 'COUNT', step)
local newest = string.match(going[#going][1], '^%d+')
return redis.call('XTRIM', audit, 'MINID', newest .. '-1')
