#!lua flags=allow-oom
--[[
  Marks a logout token as used: the sessions that the token names have ended.
  KEYS[1]   marker of the logout token
  ARGV[1]   time for which the token could be used again, ms
  Returns   1, or 0 when the token was used before
  Allowed when Redis is out of memory, like revoking: only the issuer can create a logout token, and each marker expires.
  Cluster   one key
]]
return redis.call('SET', KEYS[1], '1', 'PX', ARGV[1], 'NX') and 1 or 0
