#!lua
--[[
  Store a candidate for the policy of the cluster, and write the event that asks every member for its vote.
  KEYS[1]  event log
  KEYS[2]  members: sorted set of member keys by the end of their lease, ms
  KEYS[3]  facts: hash, the facts that each member publishes, JSON
  KEYS[4]  candidate: envelope of the candidate
  KEYS[5]  votes: hash, vote of each node by node id, JSON
  ARGV[1]  kind of the event
  ARGV[2]  id of the candidate
  ARGV[3]  envelope of the candidate
  ARGV[4]  lifetime of candidate and votes, ms
  ARGV[5]  retention of events, ms
  Returns  { id of the log entry, then for each current member: key, facts or '' }
  Clock    Redis TIME
  Cluster  one slot
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = { '' }
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], string.format('(%.0f', now), '+inf')) do
  reply[#reply + 1] = member
  reply[#reply + 1] = redis.call('HGET', KEYS[3], member) or ''
end
redis.call('SET', KEYS[4], ARGV[3], 'PX', ARGV[4])
redis.call('HSET', KEYS[5], '', '')
redis.call('PEXPIRE', KEYS[5], ARGV[4])
local oldest = string.format('%.0f', now - ARGV[5])
reply[1] = redis.call('XADD', KEYS[1], 'MINID', '~', oldest, '*', 'k', ARGV[1], 'r', ARGV[2])
return reply
