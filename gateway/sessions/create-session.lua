#!lua
--[[
  Stores a new session.
  KEYS[1]  session, a hash: v version; b sealed session of that version; i idle lifetime, ms; e absolute end, ms since
           the epoch; t last use, ms since the epoch; and the refresh fields f, u, x, y (begin-refresh)
  ARGV[1]  sealed session, of version 1
  ARGV[2]  idle lifetime, ms
  ARGV[3]  absolute end, ms since the epoch
  Returns  1
  Clock    Redis TIME
  Cluster  one key
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'v', 1, 'b', ARGV[1], 'i', ARGV[2], 'e', ARGV[3], 't', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(tonumber(ARGV[2]), ARGV[3] - now)))
return 1
