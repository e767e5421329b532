-- One change of one job together with its audit record: all of it or nothing.
--
-- KEYS
--   1 job hash              4 audit stream           7 queue of approval requests
--   2 index by update       5 approval lock          8 token that is issued (probe key if none)
--   3 approval deadlines    6 queue of processing    9 token that is consumed (probe key if none)
--                                                   10 probe key, which never exists
-- ARGV
--   1 operation id            5 audit entry id `<seq>-0`       9 '1' to delete the job
--   2 job id                  6 score, unix seconds           10 deadline: '' leave, '-' remove,
--   3 expected status:        7 seconds to live ('' keeps)       or unix seconds
--     'absent' or '=<status>' 8 expected approval token      11 lifetime of the issued token, s
--   4 expected audit head,       ('' is not checked)         12 entry to push for processing or ''
--     `<id> <hash>` ('' for                                  13 entry to push for approval or ''
--     an empty stream)
--   14 four counts `<audit> <fields> <removed> <queue>`, then that many strings of each:
--     audit entry (field, value, ...), job fields (field, value, ...), fields to remove,
--     queue entries to remove
-- Returns
--   {'OK'} | {'REPLAYED'} | {'LOCKED'} | {'TOKEN'} | {'TYPE', key, type}
--   {'CONFLICT', 'absent' or '=<status>'} | {'DELETING'} | {'HEAD', id, hash, at}
--   {'NOPERM', command, key}
--
-- No shebang: it loads on Redis 6.2, 7, 8 and Valkey.

local job, index, deadlines, audit, lock = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local processing, approval, issued, consumed = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local probe_key = KEYS[10]
local op_id, job_id, expected, head = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local entry_id, score, ttl, token = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local deletes, deadline = ARGV[9] == '1', ARGV[10]
local push_processing, push_approval = ARGV[12], ARGV[13]

local rest = 15
local function take(count)
  local list = {}
  for i = 1, count do list[i] = ARGV[rest + i - 1] end
  rest = rest + count
  return list
end
local counts = {}
for number in string.gmatch(ARGV[14], '%d+') do counts[#counts + 1] = tonumber(number) end
local record, fields, removed, dequeued =
  take(counts[1]), take(counts[2]), take(counts[3]), take(counts[4])

-- 1. Types, so that no write below can fail half-way.
local types = {
  {job, 'hash'}, {index, 'zset'}, {deadlines, 'zset'}, {audit, 'stream'},
  {lock, 'string'}, {processing, 'list'}, {approval, 'list'},
}
for _, pair in ipairs(types) do
  local found = redis.call('TYPE', pair[1]).ok
  if found ~= 'none' and found ~= pair[2] then return {'TYPE', pair[1], found} end
end

-- 2. The same operation already applied: the reply to an earlier attempt was lost.
if redis.call('HGET', job, 'jobctl_op') == op_id then return {'REPLAYED'} end

-- 3. The foreign service is deciding on this job.
if redis.call('EXISTS', lock) == 1 then return {'LOCKED'} end

-- 4. Compare and set on the status that was read.
local actual = 'absent'
if redis.call('EXISTS', job) == 1 then
  actual = '=' .. (redis.call('HGET', job, 'status') or '')
end
if actual ~= expected then return {'CONFLICT', actual} end
if not deletes and redis.call('HGET', job, 'cleanup_state') == 'deleting' then
  return {'DELETING'}
end

-- 5. The approval token.
if token ~= '' and redis.call('HGET', job, 'approval_token') ~= token then return {'TOKEN'} end

-- 6. The audit chain: its last entry must be the one that our record pins.
local last = redis.call('XREVRANGE', audit, '+', '-', 'COUNT', 1)[1]
local hash, at = '', ''
for i = 1, last and #last[2] or 0, 2 do
  if last[2][i] == 'hash' then hash = last[2][i + 1] end
  if last[2][i] == 'at' then at = last[2][i + 1] end
end
local seen = last and last[1] .. ' ' .. hash or ''
if seen ~= head then return {'HEAD', last and last[1] or '', hash, at} end

-- 7. Permissions and memory, before anything is changed. An access rule or a full memory would
-- otherwise stop the script half-way and leave the writes before it.
local function planned()
  local writes = {{'XADD', audit, entry_id, 'f', 'v'}, {'ZREM', deadlines, job_id}}
  local function add(...) writes[#writes + 1] = {...} end
  if deletes then
    add('DEL', job); add('ZREM', index, job_id)
  else
    add('HSET', job, 'f', 'v'); add('ZADD', index, 'GT', score, job_id)
    if ttl ~= '' then add('EXPIRE', job, ttl) end
    if #removed > 0 then add('HDEL', job, 'f') end
  end
  if deadline ~= '' and deadline ~= '-' then
    add('ZADD', deadlines, deadline, job_id); add('SET', issued, job_id, 'EX', ARGV[11])
  end
  if consumed ~= probe_key then add('DEL', consumed) end
  if push_processing ~= '' then add('LPUSH', processing, 'v') end
  if push_approval ~= '' then add('LPUSH', approval, 'v') end
  if #dequeued > 0 then add('LREM', processing, 0, 'v'); add('LREM', approval, 0, 'v') end
  return writes
end

-- Redis 6.2 cannot ask, so each command runs once in a form that leaves nothing behind.
local function probe_by_running()
  local nobody = '\0jobctl'
  local refused
  local function probe(...)
    if refused then return end
    local reply = redis.pcall(...)
    if type(reply) ~= 'table' or not reply.err then return end
    if string.find(reply.err, 'user executing the script', 1, true) then
      refused = {'NOPERM', (select(1, ...)), (select(2, ...))}
    else
      refused = reply
    end
  end
  probe('DEL', probe_key)
  probe('ZREM', deadlines, nobody)
  probe('ZADD', deadlines, 'XX', 0, nobody)
  probe('ZREM', index, nobody)
  probe('ZADD', index, 'XX', 0, nobody)
  probe('EXPIRE', probe_key, 1)
  probe('SET', probe_key, '', 'XX')
  if actual == 'absent' then
    probe('DEL', job); probe('HSET', job, 'f', 'v'); probe('DEL', job)
  elseif not deletes then
    local stored = redis.call('HGETALL', job)
    probe('HSET', job, stored[1], stored[2])
    if #removed > 0 then probe('HDEL', job, nobody) end
  end
  for queue, pushed in pairs({[processing] = push_processing, [approval] = push_approval}) do
    if pushed ~= '' or #dequeued > 0 then probe('LREM', queue, 1, nobody) end
    if pushed ~= '' then probe('LPUSH', queue, nobody); probe('LREM', queue, 1, nobody) end
  end
  return refused
end

if redis.acl_check_cmd then
  for _, write in ipairs(planned()) do
    if not redis.acl_check_cmd(unpack(write)) then return {'NOPERM', write[1], write[2]} end
  end
else
  local refused = probe_by_running()
  if refused then return refused end
end

-- 8. The audit record first, then the change it speaks of.
redis.call('XADD', audit, entry_id, unpack(record))
if deletes then
  redis.call('DEL', job)
  redis.call('ZREM', index, job_id)
else
  redis.call('HSET', job, 'jobctl_op', op_id)
  -- Lua hands over some thousand arguments at most.
  for first = 1, #fields, 1000 do
    redis.call('HSET', job, unpack(fields, first, math.min(first + 999, #fields)))
  end
  for first = 1, #removed, 1000 do
    redis.call('HDEL', job, unpack(removed, first, math.min(first + 999, #removed)))
  end
  if ttl ~= '' then redis.call('EXPIRE', job, ttl) end
  redis.call('ZADD', index, 'GT', score, job_id)
end
if deadline == '-' or deletes then redis.call('ZREM', deadlines, job_id) end
if consumed ~= probe_key then redis.call('DEL', consumed) end
if deadline ~= '' and deadline ~= '-' then
  redis.call('ZADD', deadlines, deadline, job_id)
  redis.call('SET', issued, job_id, 'EX', ARGV[11])
end
for _, entry in ipairs(dequeued) do
  redis.call('LREM', processing, 0, entry)
  redis.call('LREM', approval, 0, entry)
end
if push_processing ~= '' then redis.call('LPUSH', processing, push_processing) end
if push_approval ~= '' then redis.call('LPUSH', approval, push_approval) end
return {'OK'}
