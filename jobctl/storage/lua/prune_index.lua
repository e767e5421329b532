-- Takes members out of the index whose records have expired, and no others.
--
-- KEYS  1 index   2… job hashes
-- ARGV  the members, in the order of their hashes
-- Returns  how many were taken out
--
-- No shebang: it loads on Redis 6.2, 7, 8 and Valkey.

local pruned = 0
for place, member in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[place + 1]) == 0 then
    pruned = pruned + redis.call('ZREM', KEYS[1], member)
  end
end
return pruned
