#!lua
--[[
  Stores a session of the console, and takes the sessions above the limits from the list.
  KEYS[1]  session, a hash: b sealed session; e end, ms since the epoch
  KEYS[2]  list of all sessions, a sorted set: `PERSON:ID`, scored by the end
  ARGV[1]  id of the session
  ARGV[2]  pseudonym of the person
  ARGV[3]  sealed session
  ARGV[4]  time until the end of the session, ms
  ARGV[5]  idle time, ms
  ARGV[6]  maximum lifetime of a session, ms
  ARGV[7]  maximum number of sessions of one person
  ARGV[8]  maximum number of sessions
  Returns  ids of the sessions above the limits, which the caller must delete: those that end first
  Clock    Redis TIME
  Cluster  both keys have one hash tag
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
local prefix = ARGV[2] .. ':'
local all = redis.call('ZRANGE', KEYS[2], 0, -1)
local own = 0
for _, member in ipairs(all) do
  if string.sub(member, 1, #prefix) == prefix then own = own + 1 end
end
local left = #all
local surplus = {}
for _, member in ipairs(all) do
  local isOwn = string.sub(member, 1, #prefix) == prefix
  if left >= tonumber(ARGV[8]) or (isOwn and own >= tonumber(ARGV[7])) then
    redis.call('ZREM', KEYS[2], member)
    surplus[#surplus + 1] = string.match(member, ':(.*)$')
    left = left - 1
    if isOwn then own = own - 1 end
  end
end
local endsAt = string.format('%.0f', now + tonumber(ARGV[4]))
redis.call('ZADD', KEYS[2], endsAt, prefix .. ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('HSET', KEYS[1], 'b', ARGV[3], 'e', endsAt)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(tonumber(ARGV[4]), tonumber(ARGV[5]))))
return surplus
