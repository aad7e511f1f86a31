#!lua flags=allow-oom
--[[
  Advance the cursor of a sink after the entries up to ARGV[3] were delivered to the sink. Changes nothing when the
  cursor differs from ARGV[2]: another worker has delivered entries meanwhile, or the sink was removed.
  KEYS[1]   hash of cursors
  KEYS[2]   hash with the shipping state of the sink
  ARGV[1]   name of the sink
  ARGV[2]   id of an entry: expected position of the cursor
  ARGV[3]   id of an entry: new position of the cursor
  ARGV[4]   number of records that were delivered to the sink
  ARGV[5]   number of records that became dead letters
  Returns   1 when moved | 0 when unchanged
  Clock     Redis TIME
  Cluster   all keys in one slot
]]
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HINCRBY', KEYS[2], 'records', ARGV[4])
redis.call('HINCRBY', KEYS[2], 'dead', ARGV[5])
redis.call('HSET', KEYS[2], 'shipped_at', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
redis.call('HDEL', KEYS[2], 'failures', 'retry_at')
return 1
