#!lua flags=allow-oom
--[[
  Notes that a logout token was used.
  KEYS[1]   of the token
  ARGV[1]   so long it could be used again, ms
  Returns   1, or 0 when it was used before
  Allowed without memory, as revoking is: only the issuer can make one, and each ends by itself.
  Cluster   one key
]]
return redis.call('SET', KEYS[1], '1', 'PX', ARGV[1], 'NX') and 1 or 0
