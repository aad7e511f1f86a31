#!lua
--[[
  Store a revision, make it the active policy of the cluster, and write the event about it. Changes nothing when another
  activation took place in the meantime.
  KEYS[1]  event log
  KEYS[2]  members: sorted set of member keys by the end of their lease, ms
  KEYS[3]  facts: hash, the facts that each member publishes, JSON
  KEYS[4]  revisions: hash, envelope of each revision by number
  KEYS[5]  activation: envelope of the newest activation
  KEYS[6]  rollout: envelope of the outcome of the last rollout
  ARGV[1]  kind of the event
  ARGV[2]  envelope of the activation
  ARGV[3]  expected value of KEYS[5]; '' when it must be absent
  ARGV[4]  number of the revision
  ARGV[5]  envelope of the revision
  ARGV[6]  retention of events, ms
  ARGV[7]  number of revisions that are kept
  ARGV[8]  envelope of the outcome of the rollout that the activation ends; '' when it ends none
  Returns  { id of the log entry, then for each current member: key, facts or '' }
           or, when KEYS[5] differs, { '' }
  Clock    Redis TIME
  Cluster  one slot
]]
if (redis.call('GET', KEYS[5]) or '') ~= ARGV[3] then return { '' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = { '' }
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], string.format('(%.0f', now), '+inf')) do
  reply[#reply + 1] = member
  reply[#reply + 1] = redis.call('HGET', KEYS[3], member) or ''
end
redis.call('HSET', KEYS[4], ARGV[4], ARGV[5])
redis.call('SET', KEYS[5], ARGV[2])
if ARGV[8] ~= '' then redis.call('SET', KEYS[6], ARGV[8]) end
-- Also delete revisions with a higher number: the caller has found that none of them is authentic.
for _, field in ipairs(redis.call('HKEYS', KEYS[4])) do
  local number = tonumber(field) or 0
  if number <= ARGV[4] - ARGV[7] or number > tonumber(ARGV[4]) then redis.call('HDEL', KEYS[4], field) end
end
local oldest = string.format('%.0f', now - ARGV[6])
reply[1] = redis.call('XADD', KEYS[1], 'MINID', '~', oldest, '*', 'k', ARGV[1], 'r', ARGV[2], 'w', '1')
return reply
