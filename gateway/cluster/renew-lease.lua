#!lua flags=allow-oom
--[[
  Renew a member's lease, store the position up to which the member acknowledges events, and publish the position if a
  caller waits for acknowledgements. Also removes members whose lease has expired. Runs when Redis is out of memory too,
  because a full Redis must not fence every node. Changes nothing while another member uses the node id.
  KEYS[1]  members: sorted set of member keys by the end of their lease, ms
  KEYS[2]  facts: hash, the facts that each member publishes, JSON
  KEYS[3]  positions: hash, the position of each member
  KEYS[4]  event log
  KEYS[5]  heartbeat: key of the member that wrote the last heartbeat; absent when the next one is due
  KEYS[6]  epoch
  KEYS[7]  reservation of the node id: key of the member that uses the id; absent after its expiry
  ARGV[1]  member key
  ARGV[2]  duration of the lease, ms
  ARGV[3]  facts, JSON
  ARGV[4]  acknowledged position: id of a log entry
  ARGV[5]  channel for acknowledgements; '' when no caller waits
  ARGV[6]  PUBLISH, or SPUBLISH in a Redis Cluster
  ARGV[7]  time between heartbeats, ms
  ARGV[8]  retention of events, ms
  ARGV[9]  duration of the reservation of the node id, ms
  ARGV[10] position of the last event that the member applied: id of a log entry, at or after ARGV[4]
  Returns  { epoch or '', 1 while the entry at ARGV[10] is in the log, else 0 }
           or, when another member uses the node id, { '', 0, facts of that member }
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
local there = #redis.call('XRANGE', KEYS[4], ARGV[10], ARGV[10])
-- Do not store the position if the log has lost this entry: the position could otherwise acknowledge events that are
-- written later.
if there == 1 then redis.call('HSET', KEYS[3], ARGV[1], ARGV[4]) else redis.call('HDEL', KEYS[3], ARGV[1]) end
if ARGV[5] ~= '' and there == 1 then redis.call(ARGV[6], ARGV[5], ARGV[1] .. ' ' .. ARGV[4]) end
return { redis.call('GET', KEYS[6]) or '', there }
