"""What Redis does in one step each, in Lua. Every key bears the tag {jobs}, so that all of them live on one node of a Cluster.

    <p>queue            job -> when to look at it again (ms)         <p>ended         job -> when to forget it (ms)
    <p>size             bytes held by all                            <p>key:<sha256>  the job that an Idempotency-Key names
    <p><id>             the job's fields                             <p><id>:given    index -> group, as it came
    <p><id>:todo        index -> leased until (ms), 0 when free      <p><id>:tries    index -> how often begun
    <p><id>:results     index -> result

Times are Redis's own: replicas' clocks differ. KEYS[1] is <p>queue, for its slot; <p> is taken from it.
"""

from __future__ import annotations

_START = """
local p = string.sub(KEYS[1], 1, -6)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""

# ARGV: id, idempotency key or '', room, size, chunk, groups, fingerprint, about
SUBMIT = (
    _START
    + """
for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'ended', '-inf', now, 'LIMIT', 0, 100)) do
  local held = redis.call('HMGET', p .. id, 'size', 'key')
  redis.call('DECRBY', p .. 'size', held[1] or 0)
  if held[2] then redis.call('DEL', p .. 'key:' .. held[2]) end
  redis.call('DEL', p .. id, p .. id .. ':results')
  redis.call('ZREM', p .. 'ended', id)
end
local id, key = ARGV[1], ARGV[2]
if redis.call('EXISTS', p .. id) == 1 then return {'known', id} end
if key ~= '' then
  local known = redis.call('GET', p .. 'key:' .. key)
  if known and redis.call('EXISTS', p .. known) == 1 then
    redis.call('DEL', p .. id .. ':given')
    return {'known', known}
  end
end
local held = tonumber(redis.call('GET', p .. 'size') or 0)
if held + ARGV[4] > tonumber(ARGV[3]) then
  redis.call('DEL', p .. id .. ':given')
  return {'full', tostring(held)}
end
redis.call('INCRBY', p .. 'size', ARGV[4])
redis.call('HSET', p .. id, 'size', ARGV[4], 'chunk', ARGV[5], 'groups', ARGV[6], 'fingerprint', ARGV[7], 'about', ARGV[8],
  'state', 'queued', 'created', now)
if key ~= '' then
  redis.call('HSET', p .. id, 'key', key)
  redis.call('SET', p .. 'key:' .. key, id)
end
for at = 0, ARGV[6] - 1 do redis.call('ZADD', p .. id .. ':todo', 0, at) end
redis.call('PERSIST', p .. id .. ':given')
redis.call('ZADD', p .. 'queue', now, id)
return {'new', id}
"""
)

# ARGV: lease (ms), jobs to pass over, ...  -> id, about, age (ms), tries, index, group, index, group, ...
CLAIM = (
    _START
    + """
local pass = {}
for i = 2, #ARGV do pass[ARGV[i]] = true end

local function chosen(job, chunk)
  local fresh, again, fewest = {}, false, 0
  for _, at in ipairs(redis.call('ZRANGEBYSCORE', job .. ':todo', '-inf', now, 'LIMIT', 0, chunk)) do
    local tries = tonumber(redis.call('HGET', job .. ':tries', at) or 0)
    if tries == 0 then
      fresh[#fresh + 1] = at
    elseif not again or tries < fewest then
      again, fewest = at, tries
    end
  end
  -- What was begun before and not finished may be what ended the process: alone, it takes nothing with it.
  if #fresh == 0 then return {again}, fewest end
  return fresh, 0
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'queue', '-inf', now)) do
  local job = p .. id
  local chunk = redis.call('HGET', job, 'chunk')
  local first = redis.call('ZRANGE', job .. ':todo', 0, 0, 'WITHSCORES')
  if not chunk or not first[1] then
    redis.call('ZREM', p .. 'queue', id)
  elseif pass[id] then
    -- Somebody else's.
  elseif tonumber(first[2]) > now then
    redis.call('ZADD', p .. 'queue', first[2], id)
  else
    local taken, tries = chosen(job, chunk)
    local answer = {id, redis.call('HGET', job, 'about'), now - redis.call('HGET', job, 'created'), tries}
    for _, at in ipairs(taken) do
      redis.call('ZADD', job .. ':todo', now + ARGV[1], at)
      redis.call('HINCRBY', job .. ':tries', at, 1)
      answer[#answer + 1] = at
      answer[#answer + 1] = redis.call('HGET', job .. ':given', at)
    end
    redis.call('HSET', job, 'state', 'running')
    redis.call('HDEL', job, 'waits')
    redis.call('ZADD', p .. 'queue', now, id)
    return answer
  end
end
return false
"""
)

# ARGV: id, lease (ms), index, ...  -> 1 while the job wants anything done
RENEW = (
    _START
    + """
for i = 3, #ARGV do redis.call('ZADD', p .. ARGV[1] .. ':todo', 'XX', now + ARGV[2], ARGV[i]) end
return redis.call('ZSCORE', p .. 'queue', ARGV[1]) and 1 or 0
"""
)

# ARGV: id, why or '', index, ...
HAND_BACK = (
    _START
    + """
local job = p .. ARGV[1]
if not redis.call('ZSCORE', p .. 'queue', ARGV[1]) then return end
for i = 3, #ARGV do
  if redis.call('ZSCORE', job .. ':todo', ARGV[i]) then
    redis.call('ZADD', job .. ':todo', 0, ARGV[i])
    if tonumber(redis.call('HGET', job .. ':tries', ARGV[i]) or 0) > 0 then redis.call('HINCRBY', job .. ':tries', ARGV[i], -1) end
  end
end
if ARGV[2] ~= '' then redis.call('HSET', job, 'waits', ARGV[2]) end
redis.call('ZADD', p .. 'queue', 'LT', now, ARGV[1])
"""
)

# ARGV: id, keep (ms), degraded, index, result, ...
KEEP = (
    _START
    + """
local id = ARGV[1]
local job = p .. id
if redis.call('HGET', job, 'state') ~= 'running' then return end
local more = 0
for i = 4, #ARGV, 2 do
  if redis.call('HSETNX', job .. ':results', ARGV[i], ARGV[i + 1]) == 1 then more = more + #ARGV[i + 1] end
  redis.call('ZREM', job .. ':todo', ARGV[i])
  redis.call('HDEL', job .. ':given', ARGV[i])
end
redis.call('INCRBY', p .. 'size', more)
redis.call('HINCRBY', job, 'size', more)
for name in string.gmatch(ARGV[3], '[^,]+') do redis.call('HSET', job, 'degraded:' .. name, 1) end
if redis.call('HLEN', job .. ':results') == tonumber(redis.call('HGET', job, 'groups')) then
  redis.call('HSET', job, 'state', 'done', 'expires', now + ARGV[2])
  redis.call('DEL', job .. ':given', job .. ':todo', job .. ':tries')
  redis.call('ZREM', p .. 'queue', id)
  redis.call('ZADD', p .. 'ended', now + ARGV[2], id)
end
"""
)

# ARGV: id, keep (ms)
CANCEL = (
    _START
    + """
local id = ARGV[1]
local job = p .. id
if redis.call('HEXISTS', job, 'created') == 0 or redis.call('HEXISTS', job, 'expires') == 1 then return end
redis.call('DECRBY', p .. 'size', redis.call('HGET', job, 'size'))
redis.call('HSET', job, 'state', 'cancelled', 'expires', now + ARGV[2], 'size', 0)
redis.call('DEL', job .. ':given', job .. ':todo', job .. ':tries', job .. ':results')
redis.call('ZREM', p .. 'queue', id)
redis.call('ZADD', p .. 'ended', now + ARGV[2], id)
"""
)

# ARGV: id.  -> fields of the job, how many results, now (ms)
GET = _START + "local job = p .. ARGV[1] return {redis.call('HGETALL', job), redis.call('HLEN', job .. ':results'), now}"

# -> jobs queued, running, ended
COUNTS = (
    _START
    + """
local queued, running = 0, 0
for _, id in ipairs(redis.call('ZRANGE', p .. 'queue', 0, -1)) do
  if redis.call('HGET', p .. id, 'state') == 'queued' then queued = queued + 1 else running = running + 1 end
end
return {queued, running, redis.call('ZCOUNT', p .. 'ended', '(' .. now, '+inf')}
"""
)
