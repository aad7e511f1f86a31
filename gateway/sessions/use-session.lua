#!lua flags=allow-oom
--[[
  Reads a session and restarts its idle lifetime, at most until the absolute end of the session.
  KEYS[1]  session (create-session)
  ARGV[1]  version that the caller has; 0: none
  Returns  { 'gone' } | { 'same' } | { 'session', version, sealed session }, when there is a newer one
  Allowed when Redis is out of memory: the script only overwrites existing fields, and logged-in users stay logged in.
  Clock    Redis TIME
  Cluster  one key
]]
local s = redis.call('HMGET', KEYS[1], 'v', 'b', 'i', 'e')
if not s[1] then return { 'gone' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life = math.min(tonumber(s[3]), s[4] - now)
if life <= 0 then return { 'gone' } end
redis.call('HSET', KEYS[1], 't', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life))
if tonumber(s[1]) <= tonumber(ARGV[1]) then return { 'same' } end
return { 'session', s[1], s[2] }
