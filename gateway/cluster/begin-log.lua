#!lua flags=allow-oom
--[[
  Append a heartbeat entry to the event log. A joining node reads the log from this entry on: an entry that was just
  added certainly exists.
  KEYS[1]  event log
  ARGV[1]  retention of events, ms; older entries are trimmed
  Returns  id of the new entry
  Cluster  one slot
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', now - ARGV[1]), '*', 'k', 'beat')
