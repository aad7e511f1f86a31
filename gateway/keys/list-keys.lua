#!lua flags=no-writes
--[[
  Read the keys of all processes.
  KEYS[1..3]  holders, use and writing keys, as in publish-keys.lua
  KEYS[4]     session ends: sorted set of issuers by the latest expiry of a login session, s
  Returns     { time, ms; hash of KEYS[1]; of KEYS[2]; of KEYS[3]; latest expiry of a session, s, or '' }
  Clock       Redis TIME
  Cluster     one slot
]]
local time = redis.call('TIME')
local last = redis.call('ZREVRANGE', KEYS[4], 0, 0, 'WITHSCORES')
return {
  string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)),
  redis.call('HGETALL', KEYS[1]),
  redis.call('HGETALL', KEYS[2]),
  redis.call('HGETALL', KEYS[3]),
  last[2] or '',
}
