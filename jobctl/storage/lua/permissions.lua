-- Which of the commands that jobctl uses the calling user may not run.
--
-- KEYS  one key per command, in the same order
-- ARGV  the commands, each as its words joined by blanks, with `@` where the key goes
-- Returns  the refused commands, or nil on Redis 6.2, which cannot tell.

if not redis.acl_check_cmd then return nil end
local refused = {}
for place, text in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(text, '%S+') do
    words[#words + 1] = word == '@' and KEYS[place] or word
  end
  if not redis.acl_check_cmd(unpack(words)) then
    refused[#refused + 1] = words[1] .. ' ' .. KEYS[place]
  end
end
return refused
