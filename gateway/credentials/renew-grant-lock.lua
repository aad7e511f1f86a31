#!lua flags=allow-oom
--[[
  Extends the lease of the lock of a grant while its holder waits for the issuer.
  KEYS[1]  grant, the hash that begin-grant.lua describes
  ARGV[1]  fence: text that identifies the holder of the lock
  ARGV[2]  new duration of the lease, ms
  Returns  1 when extended | 0 when the caller no longer holds the lock
  Allowed when Redis is out of memory: otherwise the lock would expire too early, and two processes would request a
  token.
  Clock    Redis TIME
  Cluster  one key
]]
local g = redis.call('HMGET', KEYS[1], 'f', 'u')
if g[1] ~= ARGV[1] or not g[2] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'u', string.format('%.0f', now + ARGV[2]))
return 1
