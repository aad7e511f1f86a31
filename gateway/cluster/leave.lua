#!lua flags=allow-oom
--[[
  Remove a member that shuts down. The member admits no more requests, so revocations no longer wait for its
  acknowledgement.
  KEYS[1..3]  members, facts, positions
  KEYS[4]     reservation of the node id: key of the member that uses the id
  ARGV[1]     member key
  Returns     1 when ARGV[1] was a member, else 0
  Cluster     one slot
]]
if redis.call('GET', KEYS[4]) == ARGV[1] then redis.call('DEL', KEYS[4]) end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
