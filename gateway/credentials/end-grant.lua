#!lua flags=allow-oom
--[[
  Stores the new token or the failure of a token request, and releases the lock.
  KEYS[1]  grant, the hash that begin-grant.lua describes
  ARGV[1]  fence: text that identifies the holder of the lock
  ARGV[2]  id of the new token, or ''
  ARGV[3]  sealed token
  ARGV[4]  time until the new token expires, ms
  ARGV[5]  '' or the reason of the failure
  ARGV[6]  time for which the failure is stored, ms
  Returns  'stored' | 'superseded' (another process holds the lock or has stored a token) | 'kept' (a failure)
  When a process has lost its lock, its token is stored only if it expires later than the stored token.
  A failure is stored only for the holder of the lock. The key expires together with the token.
  Allowed when Redis is out of memory: the new value replaces one of similar size.
  Clock    Redis TIME
  Cluster  one key
]]
local g = redis.call('HMGET', KEYS[1], 'f', 'e')
local holds = g[1] == ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' then
  local ends = now + ARGV[4]
  if not holds and (tonumber(g[2]) or 0) >= ends then return 'superseded' end
  redis.call('HSET', KEYS[1], 'i', ARGV[2], 'b', ARGV[3], 'e', string.format('%.0f', ends), 'l', ARGV[4])
  redis.call('HDEL', KEYS[1], 'x', 'y')
  if holds then redis.call('HDEL', KEYS[1], 'f', 'u') end
  -- The lock of another process also has an end, its lease, so the key can expire with the token.
  redis.call('PEXPIRE', KEYS[1], math.max(1, math.floor(ARGV[4])))
  return holds and 'stored' or 'superseded'
end
if not holds then return 'superseded' end
redis.call('HSET', KEYS[1], 'x', ARGV[5], 'y', string.format('%.0f', now + ARGV[6]))
redis.call('HDEL', KEYS[1], 'f', 'u')
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[6]) then redis.call('PEXPIRE', KEYS[1], ARGV[6]) end
return 'kept'
