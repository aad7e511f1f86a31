#!lua
--[[
  Lists a session under whose it is, and forgets those that have ended. Written before the session itself: an entry
  without a session is skipped by whoever reads it.
  KEYS[1]  zset: ids of sessions by their absolute end, ms since the epoch; gone with the last of them
  ARGV[1]  id            ARGV[2]  absolute end, ms since the epoch
  ARGV[3]  most sessions that are listed
  Returns  ids of others that are too many, the ones that end first: listed until somebody has ended them
  Clock    Redis TIME
  Cluster  one key
]]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', last[2] - now))
local surplus = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1 - ARGV[3])) do
  -- Whoever has just logged in must not be the one who is logged out.
  if id ~= ARGV[1] then surplus[#surplus + 1] = id end
end
return surplus
