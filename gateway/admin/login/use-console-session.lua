#!lua flags=allow-oom
--[[
  Reads a session of the console and restarts its idle time, at most until the end of the session.
  KEYS[1]  session (add-console-session)
  ARGV[1]  idle time, ms
  Returns  the sealed session; nil when there is no session
  Allowed when Redis is out of memory: the script only changes an expiry, and operators stay logged in.
  Clock    Redis TIME
  Cluster  one key
]]
local s = redis.call('HMGET', KEYS[1], 'b', 'e')
if not s[1] then return false end
local time = redis.call('TIME')
local left = s[2] - (time[1] * 1000 + math.floor(time[2] / 1000))
if left <= 0 then return false end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(tonumber(ARGV[1]), left)))
return s[1]
