#!lua
--[[
  Lists sessions under their issuer until their idle lifetime ends, and removes up to 1000 entries of sessions that have
  ended. Runs after the writes that restart the idle lifetime of the sessions, and every 10 s on each node.
  KEYS[1]  zset: ids of sessions by the end of their idle lifetime, ms since the epoch; expires an hour after the last
           of them, because an expiry removes all entries at once, which blocks Redis for 250 ms at a million entries
  ARGV     for each session: id; idle lifetime, ms; absolute end, ms since the epoch. None: only removes entries
  Returns  number of removed entries
  Clock    Redis TIME, like the expiry of the session (use-session)
  Cluster  one key
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ended = redis.call('ZRANGE', KEYS[1], '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, 1000)
if #ended > 0 then redis.call('ZREM', KEYS[1], unpack(ended)) end
for i = 1, #ARGV, 3 do
  local ends = math.min(now + ARGV[i + 1], tonumber(ARGV[i + 2]))
  redis.call('ZADD', KEYS[1], string.format('%.0f', ends), ARGV[i])
end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if last[2] then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(0, last[2] - now) + 3600000)) end
return #ended
