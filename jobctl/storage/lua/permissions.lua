-- Which of the commands that jobctl uses the calling user may not run.
--
-- KEYS  none: the server refuses a script that declares a key which the user may not touch
-- ARGV  pairs of a command, its words joined by blanks with `@` where the key goes, and the key
-- Returns  the refused commands, each with its key, or nil on Redis 6.2, which cannot tell.

if not redis.acl_check_cmd then return nil end
local refused = {}
for place = 1, #ARGV, 2 do
  local words = {}
  for word in string.gmatch(ARGV[place], '%S+') do
    words[#words + 1] = word == '@' and ARGV[place + 1] or word
  end
  if not redis.acl_check_cmd(unpack(words)) then
    refused[#refused + 1] = words[1] .. ' ' .. ARGV[place + 1]
  end
end
return refused
