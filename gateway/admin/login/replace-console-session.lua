#!lua
--[[
  Replaces the content of a session of the console that still exists. A session that has ended stays ended.
  KEYS[1]  session (add-console-session)
  ARGV[1]  sealed session
  Returns  1; 0 when there is no session
  Cluster  one key
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'b', ARGV[1])
return 1
