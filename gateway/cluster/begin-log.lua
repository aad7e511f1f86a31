#!lua flags=allow-oom
--[[
  Write an entry from which a joining node follows the log: a position that exists.
  KEYS[1]  log
  ARGV[1]  how long events are kept, ms
  Returns  its id
  Cluster  one slot
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', now - ARGV[1]), '*', 'k', 'beat')
