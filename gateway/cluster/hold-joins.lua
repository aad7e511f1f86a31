#!lua flags=allow-oom
--[[
  Keep nodes from joining while a member puts back what Redis lost. Ends by itself when the member does not come back.
  KEYS[1]  settling
  ARGV[1]  how long, ms
  Returns  OK
  Cluster  one key
]]
return redis.call('SET', KEYS[1], 'putting back', 'PX', ARGV[1])
