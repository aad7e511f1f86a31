#!lua flags=allow-oom
--[[
  Reads the cluster's token of one grant, or acquires the exclusive lock to request a new one. The lease expires if its
  holder dies.
  KEYS[1]  grant, a hash: i id of the token; b sealed token; e its end, ms; l its lifetime, ms; f fence of the lock;
           u end of the lease, ms; x reason of the last failed request; y time until which the failure is stored, ms
  ARGV[1]  id of the token that the caller has, or ''
  ARGV[2]  lease, ms; 0: only read
  ARGV[3]  fence of the caller, a random text
  Returns  { 'token', id, sealed token, ms left, lifetime ms }, when there is another valid token | { 'failed', reason,
           ms left } | { 'wait', lease left ms } | { 'acquired', 1 when the previous holder never finished, else 0 } |
           { 'none' }, when only reading
  Allowed when Redis is out of memory: the script adds two short fields, and without it services would get no token.
  Clock    Redis TIME
  Cluster  one key
]]
local g = redis.call('HMGET', KEYS[1], 'i', 'b', 'e', 'l', 'u', 'x', 'y')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if g[1] and g[1] ~= ARGV[1] and tonumber(g[3]) > now then return { 'token', g[1], g[2], g[3] - now, g[4] } end
if g[7] and tonumber(g[7]) > now then return { 'failed', g[6], g[7] - now } end
if ARGV[2] == '0' then return { 'none' } end
-- The wait is at most one lease, because the clock of Redis can have been set back.
if g[5] and tonumber(g[5]) > now then return { 'wait', math.min(g[5] - now, tonumber(ARGV[2])) } end
redis.call('HSET', KEYS[1], 'f', ARGV[3], 'u', string.format('%.0f', now + ARGV[2]))
-- The lock outlives its lease by a minute, so that the next holder sees that the last one did not finish.
local keep = tonumber(ARGV[2]) + 60000
if redis.call('PTTL', KEYS[1]) < keep then redis.call('PEXPIRE', KEYS[1], keep) end
return { 'acquired', g[5] and 1 or 0 }
