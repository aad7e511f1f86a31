#!lua flags=allow-oom
--[[
  Reads the token of one client credentials grant, which all nodes share, or acquires the exclusive lock to request a
  new token. The lease of the lock expires if its holder dies.
  KEYS[1]  grant, a hash: i id of the token; b sealed token; e time at which it expires; l its lifetime, ms; f fence of
           the lock; u end of the lease; x reason of the last failed request; y time until which the reason is stored.
           e, u and y are ms since the epoch
  ARGV[1]  id of the token that the caller has, or ''
  ARGV[2]  duration of the lease, ms; 0: only read the token
  ARGV[3]  fence: a random text that identifies this caller as the holder of the lock
  ARGV[4]  longest time for which the reason of a failed request is stored, ms
  Returns  { 'token', id, sealed token, ms left }, when the stored token is valid and is not ARGV[1] |
           { 'failed', reason, ms left } |
           { 'wait', lease left ms } | { 'acquired', 1 when the previous holder never finished, else 0 } |
           { 'none' }, when only reading
  A stored end (e, u or y) is ignored, with its value, when it is missing, invalid, or later than the scripts can have
  stored: then the clock of Redis was set back, or something else wrote the key. The caller then requests a new token.
  Allowed when Redis is out of memory: the script adds two short fields, and without it services would get no token.
  Clock    Redis TIME
  Cluster  one key
]]
local g = redis.call('HMGET', KEYS[1], 'i', 'b', 'e', 'l', 'u', 'x', 'y')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function left(ends) return (tonumber(ends) or 0) - now end
-- After a failover, the clock of the new Redis server may be up to a minute behind.
local lifetime = tonumber(g[4]) or 0
local isValid = g[2] and left(g[3]) > 0 and left(g[3]) <= lifetime + 60000
if g[1] and g[1] ~= ARGV[1] and isValid then return { 'token', g[1], g[2], left(g[3]) } end
if g[6] and left(g[7]) > 0 and left(g[7]) <= tonumber(ARGV[4]) then return { 'failed', g[6], left(g[7]) } end
if ARGV[2] == '0' then return { 'none' } end
local lease = tonumber(ARGV[2])
if left(g[5]) > 0 and left(g[5]) <= 2 * lease then return { 'wait', math.min(left(g[5]), lease) } end
redis.call('HSET', KEYS[1], 'f', ARGV[3], 'u', string.format('%.0f', now + lease))
-- The lock stays in Redis for a minute after its lease, so that the next holder sees that the previous holder did not
-- finish.
local keep = lease + 60000
if redis.call('PTTL', KEYS[1]) < keep then redis.call('PEXPIRE', KEYS[1], keep) end
return { 'acquired', g[5] and 1 or 0 }
