#!lua
--[[
  Keep a login that was begun, unless too many of the same address are pending; then nothing changes.
  KEYS[1]   the attempt, sealed; absent
  KEYS[2]   zset: attempts of the address by their end, ms of Redis's clock
  ARGV[1]   the attempt, sealed
  ARGV[2]   life, ms
  ARGV[3]   most that may be pending
  ARGV[4]   name of the attempt in the zset
  Returns   1, or 0 when there are too many
  Clock     Redis TIME
  Cluster   both keys share a slot
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[2]), ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
