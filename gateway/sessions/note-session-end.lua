#!lua
--[[
  Note when a new session at an issuer ends, unless a later end is known. Forgets issuers whose last session ended more
  than a day ago: a policy may no longer contain them.
  KEYS[1]  session ends: sorted set of issuer identifiers by the latest end of a session, s since the epoch
  ARGV[1]  issuer identifier
  ARGV[2]  absolute end of the session, s since the epoch
  Returns  number of forgotten issuers
  Clock    Redis TIME
  Cluster  one key
]]
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1] - 86400)
