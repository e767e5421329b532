-- Puts a rebuilt index in the place of the old one, which is kept until all that it had beyond
-- the new one is taken over: however much that is, this step is short.
--
-- KEYS  1 index   2 rebuilt index   3 a key for the old one
-- ARGV  1 how many members the rebuilt index must have: another run may have been at it, it may
--         have expired, or this swap may have been made already
-- Returns  1, or -1 where nothing was swapped
--
-- No shebang: it loads on Redis 6.2, 7, 8 and Valkey.

if redis.call('ZCARD', KEYS[2]) ~= tonumber(ARGV[1]) then return -1 end
if redis.call('EXISTS', KEYS[3]) == 1 then return -1 end
redis.call('PERSIST', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[3]) end
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[1]) end
return 1
