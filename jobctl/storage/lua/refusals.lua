-- How many refused attempts may be recorded now; those beyond are counted instead.
--
-- KEYS  1 how many have been recorded in this minute   2 how many were left out since the last one
-- ARGV  1 how many are to be recorded   2 how many a minute may be   3 seconds that a minute has
--       4 seconds to keep the count of those that were left out
-- Returns  {how many may be recorded, how many were left out before the first of them}
--
-- Whoever may record takes the count of those that were left out along. At most 0 a minute, all
-- are counted: so they are given back where recording them has failed.
-- No shebang: it loads on Redis 6.2, 7, 8 and Valkey.

local wanted, at_most = tonumber(ARGV[1]), tonumber(ARGV[2])
-- Somebody else may have written there: what is no number that we write counts as none.
local function count(key)
  local found = tonumber(redis.call('GET', key) or 0) or 0
  return found >= 0 and found < 1e9 and math.floor(found) or 0
end
local recorded, before = count(KEYS[1]), count(KEYS[2])

local admitted = math.max(0, math.min(wanted, at_most - recorded))
local left_out = wanted - admitted
if admitted == 0 then left_out = left_out + before end

if admitted > 0 and recorded == 0 then
  redis.call('SET', KEYS[1], admitted, 'EX', ARGV[3]) -- the first one begins the minute
elseif admitted > 0 then
  redis.call('SET', KEYS[1], recorded + admitted, 'KEEPTTL')
end
if redis.call('TTL', KEYS[1]) == -1 then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
if left_out > 0 then
  redis.call('SET', KEYS[2], left_out, 'EX', ARGV[4])
elseif before > 0 then
  redis.call('DEL', KEYS[2])
end
return {admitted, admitted > 0 and before or 0}
