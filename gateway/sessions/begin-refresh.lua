#!lua flags=allow-oom
--[[
  Acquires the exclusive lock to refresh the tokens of a session. The lease expires if its holder dies.
  KEYS[1]  session (create-session), and: f fence; u end of the lease, ms; x reason of the last failed refresh; y time
           until which this failure is stored, ms
  ARGV[1]  version that the caller has
  ARGV[2]  lease, ms
  Returns  { 'gone' } | { 'newer', version, sealed session } | { 'failed', reason, ms left } | { 'wait', lease left ms }
           | { 'acquired', fence, 1 when the previous holder never finished, else 0 }
  Allowed when Redis is out of memory: the script adds two numbers, and without it sessions would end with their access
  tokens.
  Clock    Redis TIME
  Cluster  one key
]]
local s = redis.call('HMGET', KEYS[1], 'v', 'b', 'u', 'x', 'y')
if not s[1] then return { 'gone' } end
if tonumber(s[1]) > tonumber(ARGV[1]) then return { 'newer', s[1], s[2] } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if s[5] and tonumber(s[5]) > now then return { 'failed', s[4], s[5] - now } end
-- Limit the wait to one lease: a longer wait is computed if the clock of Redis was set back.
if s[3] and tonumber(s[3]) > now then return { 'wait', math.min(s[3] - now, tonumber(ARGV[2])) } end
local fence = redis.call('HINCRBY', KEYS[1], 'f', 1)
redis.call('HSET', KEYS[1], 'u', string.format('%.0f', now + ARGV[2]))
return { 'acquired', fence, s[3] and 1 or 0 }
