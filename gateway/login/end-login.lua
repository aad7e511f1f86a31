#!lua flags=allow-oom
--[[
  Take a login that was begun: whoever has it has it alone, and it is pending no more.
  KEYS[1]   the attempt, sealed
  KEYS[2]   zset: attempts of its address by their end
  ARGV[1]   name of the attempt in the zset
  Returns   the attempt, sealed; nil when there is none
  Allowed without memory: it gives some back.
  Cluster   both keys share a slot
]]
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('GETDEL', KEYS[1])
