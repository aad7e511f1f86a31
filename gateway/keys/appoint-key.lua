#!lua flags=allow-oom
--[[
  Appoint a writing key for the whole cluster, and write the event about it. Runs when Redis is out of memory too, because
  a leaked key must be replaced then as well.
  KEYS[1]  event log
  KEYS[2]  members: sorted set of member keys by the end of their lease, ms
  KEYS[3]  facts: hash, the facts that each member publishes, JSON
  KEYS[4]  writing keys: hash, id of the appointed key by kind
  ARGV[1]  kind of the event
  ARGV[2]  payload of the event: JSON with the kind of keys and the id
  ARGV[3]  retention of events, ms
  ARGV[4]  kind of keys
  ARGV[5]  id of the key
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
redis.call('HSET', KEYS[4], ARGV[4], ARGV[5])
local oldest = string.format('%.0f', now - ARGV[3])
reply[1] = redis.call('XADD', KEYS[1], 'MINID', '~', oldest, '*', 'k', ARGV[1], 'r', ARGV[2], 'w', '1')
return reply
