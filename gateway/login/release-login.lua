#!lua flags=allow-oom
--[[
  Removes the redemption marker of a login, if it is still the one of this redemption.
  KEYS[1]   marker
  ARGV[1]   id of the redemption, which the marker holds
  Returns   1, or 0 when there is no marker or another redemption wrote it
  Allowed without memory: it frees some.
  Cluster   one key
]]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
