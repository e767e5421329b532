-- One change of one job together with its audit record: all of it or nothing.
--
-- KEYS
--   1 job hash              4 audit stream           7 queue of approval requests
--   2 index by update       5 approval lock          8 token that is issued (probe key if none)
--   3 approval deadlines    6 queue of processing    9 token that is consumed (probe key if none)
--                                                   10 probe key, which never exists
--   11 lease that the caller must hold (probe key if none)
-- ARGV
--   1 operation id            5 audit entry id `<seq>-0`       9 '1' to delete the job, 'r' to
--                                                                write nothing but the record,
--                                                                'n' also where the job is held
--                                                                or has another status by now
--   2 job id                  6 score, unix seconds           10 deadline: '' leave, '-' remove,
--   3 expected status:           ('' leaves the index)           or unix seconds
--     'absent' or '=<status>' 7 seconds to live: '' keeps,   11 lifetime of the issued token, s
--                                '>n' does not lower it
--   4 expected audit head,    8 expected approval token,     12 entry to push for processing or ''
--     `<id> <hash>` ('' for      '=<token>' or '=' for none  13 entry to push for approval or ''
--     an empty stream)           ('' is not checked)         14 expected cleanup state,
--                                                               '=<state>' ('' is not checked)
--   15 '1' if the consumed token must be this job's
--   16 expected `updated_at`, '=<text>' ('' is not checked)
--   17 what the lease must hold ('' is not checked)
--   18 four counts `<audit> <fields> <removed> <queue>`, then that many strings of each:
--     audit entry (field, value, ...), job fields (field, value, ...), fields to remove,
--     queue entries to remove (`processing` or `approval`, count as LREM has it, entry, ...)
-- Returns
--   {'FENCED'} | {'STAMP'} | {'OK'} | {'REPLAYED'} | {'LOCKED'} | {'TOKEN'} | {'TYPE', key, type}
--   {'CONFLICT', 'absent' or '=<status>'} | {'CLEANUP'} | {'DELETING'} | {'HEAD', id, hash, at}
--   {'NOPERM', command, key}
--
-- No shebang: it loads on Redis 6.2, 7, 8 and Valkey.

local job, index, deadlines, audit, lock = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local processing, approval, issued, consumed = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local probe_key, lease = KEYS[10], KEYS[11]
local op_id, job_id, expected, head = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local entry_id, score, ttl, token = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local deletes, notes, deadline = ARGV[9] == '1', ARGV[9] == 'n', ARGV[10]
local records = notes or ARGV[9] == 'r'
local push_processing, push_approval = ARGV[12], ARGV[13]
local cleanup, must_bear, stamp, claim = ARGV[14], ARGV[15] == '1', ARGV[16], ARGV[17]

local rest = 19
local function take(count)
  local list = {}
  for i = 1, count do list[i] = ARGV[rest + i - 1] end
  rest = rest + count
  return list
end
local counts = {}
for number in string.gmatch(ARGV[18], '%d+') do counts[#counts + 1] = tonumber(number) end
local record, fields, removed, dequeued =
  take(counts[1]), take(counts[2]), take(counts[3]), take(counts[4])

-- 1. Types, so that no write below can fail half-way.
local types = {
  {job, 'hash'}, {index, 'zset'}, {deadlines, 'zset'}, {audit, 'stream'},
  {lock, 'string'}, {processing, 'list'}, {approval, 'list'},
}
if consumed ~= probe_key then types[#types + 1] = {consumed, 'string'} end
for _, pair in ipairs(types) do
  local found = redis.call('TYPE', pair[1]).ok
  if found ~= 'none' and found ~= pair[2] then return {'TYPE', pair[1], found} end
end

-- A run that was paused for longer than its lease changes nothing more.
if claim ~= '' and redis.call('GET', lease) ~= claim then return {'FENCED'} end

-- 2. The same operation already applied: the reply to an earlier attempt was lost.
if redis.call('HGET', job, 'jobctl_op') == op_id then return {'REPLAYED'} end

-- 3. The foreign service is deciding on this job. Whoever names the state of its cleanup ends what
-- a decision has begun already: the service locks such jobs too before it looks at them.
-- Stream tokens have nothing to do with a decision.
local streams = must_bear or (issued ~= probe_key and deadline == '')
local minds_lock = cleanup == '' and not streams and not notes
if minds_lock and redis.call('EXISTS', lock) == 1 then return {'LOCKED'} end

-- 4. Compare and set on the status that was read.
local actual = 'absent'
if redis.call('EXISTS', job) == 1 then
  actual = '=' .. (redis.call('HGET', job, 'status') or '')
end
if actual ~= expected and not notes then return {'CONFLICT', actual} end
if stamp ~= '' and stamp ~= '=' .. (redis.call('HGET', job, 'updated_at') or '') then
  return {'STAMP'}
end
local cleaning = redis.call('HGET', job, 'cleanup_state') or ''
-- Only who says that it knows of the deletion may change anything but finish it.
if cleaning == 'deleting' and not (deletes or records or cleanup == '=deleting') then
  return {'DELETING'}
end
if cleanup ~= '' and cleanup ~= '=' .. cleaning then return {'CLEANUP'} end

-- 5. The tokens.
local held = '=' .. (redis.call('HGET', job, 'approval_token') or '')
if token ~= '' and token ~= held then return {'TOKEN'} end
if must_bear and redis.call('GET', consumed) ~= job_id then return {'TOKEN'} end

-- 6. The audit chain: its last entry must be the one that our record pins.
local last = redis.call('XREVRANGE', audit, '+', '-', 'COUNT', 1)[1]
local hash, at = '', ''
for i = 1, last and #last[2] or 0, 2 do
  if last[2][i] == 'hash' then hash = last[2][i + 1] end
  if last[2][i] == 'at' then at = last[2][i + 1] end
end
local seen = last and last[1] .. ' ' .. hash or ''
if seen ~= head then return {'HEAD', last and last[1] or '', hash, at} end

-- Redis 6.2 has no EXPIRE GT.
if string.sub(ttl, 1, 1) == '>' then
  ttl = string.sub(ttl, 2)
  local left = redis.call('TTL', job)
  if left < 0 or left >= tonumber(ttl) then ttl = '' end
end

-- 7. Permissions and memory, before anything is changed. An access rule or a full memory would
-- otherwise stop the script half-way and leave the writes before it.
local function planned()
  local writes = {{'XADD', audit, entry_id, 'f', 'v'}}
  if records then return writes end
  local function add(...) writes[#writes + 1] = {...} end
  add('ZREM', deadlines, job_id)
  if deletes then
    add('DEL', job); add('ZREM', index, job_id)
  else
    add('HSET', job, 'f', 'v')
    if score ~= '' then add('ZADD', index, 'GT', score, job_id) end
    if ttl ~= '' then add('EXPIRE', job, ttl) end
    if #removed > 0 then add('HDEL', job, 'f') end
  end
  if deadline ~= '' and deadline ~= '-' then add('ZADD', deadlines, deadline, job_id) end
  if issued ~= probe_key then add('SET', issued, job_id, 'EX', ARGV[11]) end
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
  if records then return nil end
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
if records then return {'OK'} end
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
  if score ~= '' then redis.call('ZADD', index, 'GT', score, job_id) end
end
if deadline == '-' or deletes then redis.call('ZREM', deadlines, job_id) end
if consumed ~= probe_key then redis.call('DEL', consumed) end
if deadline ~= '' and deadline ~= '-' then
  redis.call('ZADD', deadlines, deadline, job_id)
end
if issued ~= probe_key then redis.call('SET', issued, job_id, 'EX', ARGV[11]) end
for i = 1, #dequeued, 3 do
  local queue = dequeued[i] == 'processing' and processing or approval
  redis.call('LREM', queue, dequeued[i + 1], dequeued[i + 2])
end
if push_processing ~= '' then redis.call('LPUSH', processing, push_processing) end
if push_approval ~= '' then redis.call('LPUSH', approval, push_approval) end
return {'OK'}
