#!lua flags=allow-oom
--[[
  A member goes in order: it admits nothing any more, and nobody need wait for it.
  KEYS[1..3]  members, facts, positions
  KEYS[4]     key of the member that has the node's id
  ARGV[1]     member key
  Returns     1 when it was one
  Cluster     one slot
]]
if redis.call('GET', KEYS[4]) == ARGV[1] then redis.call('DEL', KEYS[4]) end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
