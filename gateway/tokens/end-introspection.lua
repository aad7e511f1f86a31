#!lua
--[[
  Stores the introspection result of a token, or a failed introspection request, and releases the lock.
  KEYS[1]   one token (see begin-introspection)
  ARGV[1]   fence                         ARGV[2]  time of the request, ms; both as returned with the lock
  ARGV[3]   sealed result, or '' for a failed request
  ARGV[4]   validity of the result, ms; for a failed request its cause
  ARGV[5]   storage time of the result, or of the failure, ms
  ARGV[6]   sealed token for the next caller that introspects it; '' for an inactive token
  Returns   'stored' | 'kept' (a failure) | 'superseded'
  A result is accepted from any caller unless a newer result is stored; a failure only from the holder of the lock.
  Clock     Redis TIME
  Cluster   one key
]]
local e = redis.call('HMGET', KEYS[1], 't', 'f', 'k')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keep = now + ARGV[5]
local holder = e[2] == ARGV[1]
if ARGV[3] == '' then
  if not holder then return 'superseded' end
  redis.call('HSET', KEYS[1], 'x', ARGV[4], 'y', string.format('%.0f', keep))
  redis.call('HDEL', KEYS[1], 'u')
  keep = math.max(keep, tonumber(e[3] or 0))
else
  if e[1] and tonumber(e[1]) > tonumber(ARGV[2]) then return 'superseded' end
  redis.call('HSET', KEYS[1], 'a', ARGV[3], 't', ARGV[2], 'l', ARGV[4])
  if ARGV[6] == '' then redis.call('HDEL', KEYS[1], 's') else redis.call('HSET', KEYS[1], 's', ARGV[6]) end
  if holder or not e[2] then redis.call('HDEL', KEYS[1], 'u', 'x', 'y') end
end
redis.call('HSET', KEYS[1], 'k', string.format('%.0f', keep))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep - now))
return ARGV[3] == '' and 'kept' or 'stored'
