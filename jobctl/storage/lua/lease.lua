-- Keeps or gives up a lease that its holder still has.
--
-- KEYS  1 lease key
-- ARGV  1 what the holder wrote into it   2 milliseconds to keep it for, '0' to give it up
-- Returns  1, or 0 where the lease has run out or is somebody else's
--
-- No shebang: it loads on Redis 6.2, 7, 8 and Valkey.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
