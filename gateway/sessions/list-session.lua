#!lua
--[[
  Lists a new session under its person, browser or `sid`, and removes the entries of sessions that have ended. Runs
  before the session is stored, so an entry can be without a session. Refuses the login when the issuer has logged the
  person or the `sid` out since the login; then nothing changes. Listing and refusing are atomic: a logout either refuses a
  login or finds it in the list.
  KEYS[1]  zset: ids of sessions by their absolute end, ms since the epoch; expires with the last of them
  KEYS[2]  logout at the issuer, a hash (log-out-at-issuer); only for lists that have one
  ARGV[1]  id            ARGV[2]  absolute end, ms since the epoch
  ARGV[3]  maximum number of listed sessions; 0: only returns whether the login is refused, and changes nothing
  ARGV[4]  auth_time of the login, s since the epoch, or ''
  ARGV[5]  time of the last event that the node had applied when the login began, ms
  ARGV[6]  name of the person under the same encryption key as the keys
  Returns  { 0 } when refused, else { 1, ids of surplus sessions … }: those that end first, listed until they are ended
  Clock    Redis TIME, to find entries that have ended
  Cluster  both keys share a slot
]]
if KEYS[2] then
  local logout = redis.call('HMGET', KEYS[2], 'f', 'i', 'a', 'p' .. ARGV[6])
  if logout[1] or logout[4] then return { 0 } end
  if logout[2] then
    if ARGV[4] ~= '' then
      if tonumber(ARGV[4]) < tonumber(logout[2]) then return { 0 } end
    elseif tonumber(ARGV[5]) < tonumber(logout[3]) then return { 0 } end
  end
end
if ARGV[3] == '0' then return { 1 } end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', last[2] - now))
local reply = { 1 }
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1 - ARGV[3])) do
  -- Never end the new session itself because of the limit.
  if id ~= ARGV[1] then reply[#reply + 1] = id end
end
return reply
