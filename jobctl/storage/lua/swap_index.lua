-- Puts a rebuilt index in the place of the old one; no change made meanwhile is lost.
--
-- KEYS  1 index   2 rebuilt index   3 a key for the old one on its way out
-- ARGV  1 unix seconds: whatever has changed since is taken over from the old index
--       2 how many members the rebuilt index must have: another run may have been at it, it may
--         have expired, or this swap may have been made already
-- Returns  how many members the index has now, or -1 where nothing was swapped
--
-- The old one is unlinked, so that a million members do not hold the server up.
-- No shebang: it loads on Redis 6.2, 7, 8 and Valkey.

if redis.call('ZCARD', KEYS[2]) ~= tonumber(ARGV[2]) then return -1 end
local recent = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'WITHSCORES')
for i = 1, #recent, 2 do redis.call('ZADD', KEYS[2], 'GT', recent[i + 1], recent[i]) end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[3])
  redis.call('UNLINK', KEYS[3])
end
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('PERSIST', KEYS[2])
redis.call('RENAME', KEYS[2], KEYS[1])
return redis.call('ZCARD', KEYS[1])
