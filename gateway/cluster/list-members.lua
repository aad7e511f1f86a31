#!lua flags=no-writes
--[[
  List the members whose lease has not expired.
  KEYS[1..3]  members, facts, positions
  KEYS[4]     event log
  Returns     { id of the newest event or '', then for each member: key, facts or '', position or '', rest of its lease, ms }
  Clock       Redis TIME
  Cluster     one slot
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local newest = redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 1)
local reply = { newest[1] and newest[1][1] or '' }
local listed = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf', 'WITHSCORES')
for i = 1, #listed, 2 do
  local member = listed[i]
  reply[#reply + 1] = member
  reply[#reply + 1] = redis.call('HGET', KEYS[2], member) or ''
  reply[#reply + 1] = redis.call('HGET', KEYS[3], member) or ''
  reply[#reply + 1] = listed[i + 1] - now
end
return reply
