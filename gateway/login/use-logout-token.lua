#!lua flags=allow-oom
--[[
  Notes that the sessions which a logout token names have ended.
  KEYS[1]   of the token
  ARGV[1]   how long it could be used again, ms
  Returns   1, or 0 when it was noted before
  Allowed without memory, as revoking is: only the issuer can make one, and each ends by itself.
  Cluster   one key
]]
return redis.call('SET', KEYS[1], '1', 'PX', ARGV[1], 'NX') and 1 or 0
