#!lua flags=allow-oom
--[[
  Block joins while a member restores the data that Redis lost. The block expires if the member fails.
  KEYS[1]  settling: no node can join while this key exists
  ARGV[1]  duration of the block, ms
  Returns  OK
  Cluster  one key
]]
return redis.call('SET', KEYS[1], 'putting back', 'PX', ARGV[1])
