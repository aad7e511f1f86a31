#!lua flags=allow-oom
--[[
  Extends the lease of the lock of a grant while the issuer is slow.
  KEYS[1]  grant (begin-grant)
  ARGV[1]  fence
  ARGV[2]  lease, ms
  Returns  1 when extended | 0 when the caller no longer holds the lock
  Allowed when Redis is out of memory: if a lock expired too early, two processes would request a token.
  Clock    Redis TIME
  Cluster  one key
]]
local g = redis.call('HMGET', KEYS[1], 'f', 'u')
if g[1] ~= ARGV[1] or not g[2] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'u', string.format('%.0f', now + ARGV[2]))
return 1
