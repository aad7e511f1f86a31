#!lua flags=allow-oom
--[[
  Renew a member's lease, say up to where it has applied the events, and tell whoever waits for that. Members whose lease
  has run out are forgotten. Allowed without memory: a full Redis must not fence every node. Changes nothing while another
  member has the node's id.
  KEYS[1]  members: zset of member keys by the end of their lease, ms
  KEYS[2]  facts: hash, what each member says of itself, JSON
  KEYS[3]  positions: hash, the position of each member
  KEYS[4]  log: the events
  KEYS[5]  heartbeat: who wrote the last one; absent when the next is due
  KEYS[6]  epoch
  KEYS[7]  key of the member that has the node's id; absent when nobody has renewed it of late
  ARGV[1]  member key
  ARGV[2]  lease, ms
  ARGV[3]  facts, JSON
  ARGV[4]  position, an id of the log
  ARGV[5]  channel of acknowledgements; '' when nobody waits
  ARGV[6]  PUBLISH, or SPUBLISH in a cluster
  ARGV[7]  time between heartbeats, ms
  ARGV[8]  how long events are kept, ms
  ARGV[9]  how long the id is kept for this member unless it renews it, ms
  Returns  { epoch or '', 1 while the entry at the position is in the log, else 0 }; or { '', 0, the other member's facts }
  Clock    Redis TIME
  Cluster  one slot
]]
local holder = redis.call('GET', KEYS[7])
if holder and holder ~= ARGV[1] then return { '', 0, redis.call('HGET', KEYS[2], holder) or '{}' } end
redis.call('SET', KEYS[7], ARGV[1], 'PX', ARGV[9])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, 64)
if #gone > 0 then
  redis.call('ZREM', KEYS[1], unpack(gone))
  redis.call('HDEL', KEYS[2], unpack(gone))
  redis.call('HDEL', KEYS[3], unpack(gone))
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
if redis.call('SET', KEYS[5], ARGV[1], 'NX', 'PX', ARGV[7]) then
  redis.call('XADD', KEYS[4], 'MINID', '~', string.format('%.0f', now - ARGV[8]), '*', 'k', 'beat')
end
local there = #redis.call('XRANGE', KEYS[4], ARGV[4], ARGV[4])
-- A position of a log that has lost its tail would acknowledge what is written next.
if there == 1 then redis.call('HSET', KEYS[3], ARGV[1], ARGV[4]) else redis.call('HDEL', KEYS[3], ARGV[1]) end
if ARGV[5] ~= '' and there == 1 then redis.call(ARGV[6], ARGV[5], ARGV[1] .. ' ' .. ARGV[4]) end
return { redis.call('GET', KEYS[6]) or '', there }
