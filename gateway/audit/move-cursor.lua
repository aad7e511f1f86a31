#!lua flags=allow-oom
--[[
  Move the cursor of a sink on, after the sink has taken what lies between. Nothing happens where the cursor is not where
  the caller left it: somebody else shipped meanwhile, or the sink was given up.
  KEYS[1]   hash of cursors
  KEYS[2]   hash of how shipping to the sink goes
  ARGV[1]   the sink
  ARGV[2]   id of an entry: where the cursor is
  ARGV[3]   id of an entry: where it shall be
  ARGV[4]   records that were taken
  ARGV[5]   records that became dead letters
  Returns   1 moved | 0 not
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
