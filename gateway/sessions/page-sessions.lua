#!lua flags=no-writes
--[[
  Counts the listed sessions of an issuer that have not ended, and reads a page of them. The session that would end first
  is the first.
  KEYS[1]  zset: ids of sessions by their end (index-sessions)
  ARGV[1]  end of the last session of the previous page, ms since the epoch; 0: the first page
  ARGV[2]  id of this session, or ''
  ARGV[3]  maximum number of sessions in the page; 0: only counts
  Returns  { number of sessions, id, end, … }
  The rank of the first session of the page is found by bisection, because many sessions can have the same end.
  Clock    Redis TIME
  Cluster  one key
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local after = string.format('%.0f', math.max(now, tonumber(ARGV[1])))
local reply = { redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now), '+inf') }
if ARGV[3] == '0' then return reply end
local first = redis.call('ZCOUNT', KEYS[1], '-inf', after)
if tonumber(ARGV[1]) > now then
  local low = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. after)
  while low < first do
    local middle = math.floor((low + first) / 2)
    if redis.call('ZRANGE', KEYS[1], middle, middle)[1] > ARGV[2] then first = middle else low = middle + 1 end
  end
end
for _, each in ipairs(redis.call('ZRANGE', KEYS[1], first, first + ARGV[3] - 1, 'WITHSCORES')) do
  reply[#reply + 1] = each
end
return reply
