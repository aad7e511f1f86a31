#!lua flags=allow-oom
--[[
  Removes the redemption marker of a login if the marker is still from this redemption.
  KEYS[1]   marker
  ARGV[1]   id of the redemption, which is the value of the marker
  Returns   1, or 0 when there is no marker or another redemption wrote it
  Allowed when Redis is out of memory, because the script frees memory.
  Cluster   one key
]]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
