#!lua flags=allow-oom
--[[
  Stores what a refresh brought, or that it failed, and gives the turn back.
  KEYS[1]  session (begin-refresh)
  ARGV[1]  fence
  ARGV[2]  version that the refresh started from
  ARGV[3]  sealed session of the next version, or ''
  ARGV[4]  '' or why it failed
  ARGV[5]  so long that is remembered, ms
  Returns  'stored' | 'kept' (a failure) | 'superseded' | 'gone'
  Tokens are taken from whoever has them while no newer version is there, also after the turn was lost: they are the
  newest that exist. An older version there is a tail that a failover lost. A failure counts only from who has the turn.
  How long the session lives does not change: a refresh is no use of it. Allowed without memory: what is stored takes the
  place of as much, and tokens that are not stored are lost.
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
