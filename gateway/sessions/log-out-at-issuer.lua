#!lua flags=allow-oom
--[[
  Stores that the issuer has logged a person or one `sid` out, and returns the sessions that are listed at that moment.
  From then on list-session refuses earlier logins.
  KEYS[1]  the logout, a hash: f '1' when every later login is refused (`sid`); pNAME '1' when every later login of
           that person is refused (`sid`); i newest `iat` of a logout token, s; a time
           of the newest logout event of the cluster, ms
  KEYS[2]  zset: ids of sessions (list-session)
  ARGV[1]  iat of the logout token, s since the epoch, or '' for a `sid`
  ARGV[2]  time of the logout event in the log of the cluster, ms since the epoch
  ARGV[3]  time for which the logout is stored, ms
  ARGV[4]  for a `sid`: name of the only person that is logged out, or '' for all
  Returns  listed session ids
  Allowed when Redis is out of memory, like revoking: only the issuer can cause a logout, and each entry expires.
  Cluster  both keys share a slot
]]
if ARGV[1] == '' then
  redis.call('HSET', KEYS[1], ARGV[4] == '' and 'f' or 'p' .. ARGV[4], '1')
else
  local known = redis.call('HMGET', KEYS[1], 'i', 'a')
  if not known[1] or tonumber(known[1]) < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'i', ARGV[1]) end
  if not known[2] or tonumber(known[2]) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 'a', ARGV[2]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('ZRANGE', KEYS[2], 0, -1)
