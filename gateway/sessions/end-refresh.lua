#!lua flags=allow-oom
--[[
  Stores the result or the failure of a refresh, and releases the lock.
  KEYS[1]  session (begin-refresh)
  ARGV[1]  fence
  ARGV[2]  version that the refresh started from
  ARGV[3]  sealed session of the next version, or ''
  ARGV[4]  '' or the reason of the failure
  ARGV[5]  time for which the failure is stored, ms
  Returns  'stored' | 'kept' (a failure) | 'superseded' | 'gone'
  Tokens are accepted from any caller while no newer version is stored, even after its lock expired: they are the newest
  tokens that exist. A stored version older than ARGV[2] means that a failover lost writes. A failure is accepted only
  from the holder of the lock. The expiry of the session does not change, because a refresh is not a use of the session.
  Allowed when Redis is out of memory: the new value replaces one of similar size, and tokens that are not stored are
  lost.
  Clock    Redis TIME
  Cluster  one key
]]
local s = redis.call('HMGET', KEYS[1], 'v', 'f', 'u')
if not s[1] then return 'gone' end
if tonumber(s[1]) > tonumber(ARGV[2]) then return 'superseded' end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'v', ARGV[2] + 1, 'b', ARGV[3])
  redis.call('HDEL', KEYS[1], 'u', 'x', 'y')
  return 'stored'
end
if s[2] ~= ARGV[1] or not s[3] then return 'superseded' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'x', ARGV[4], 'y', string.format('%.0f', now + ARGV[5]))
redis.call('HDEL', KEYS[1], 'u')
return 'kept'
