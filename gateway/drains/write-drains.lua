#!lua
--[[
  Drain upstreams of services, or end their drains, and write the change to the event log.
  KEYS[1]  event log
  KEYS[2]  members: sorted set of member keys by the end of their lease, ms
  KEYS[3]  facts: hash, the facts that each member publishes, JSON
  KEYS[4]  drains: hash, by service and upstream: end of the drain, time of the change, both ms; end `-` for none
  ARGV[1]  kind of the event
  ARGV[2]  retention of events, ms
  ARGV[3]  maximum number of entries in the hash
  ARGV[4]  time after its end for which an entry stays, ms, so that no member restores the drain
  ARGV[5]  duration of the drain, ms: 0 ends the drain, `-` has no end
  ARGV[6…] fields of the hash that change
  Returns  { id of the log entry, then for each current member: key, facts or '' }, or false when the hash is full
  Clock    Redis TIME
  Cluster  one slot
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HGETALL', KEYS[4])
local there = {}
local count = 0
-- Members apply the latest change of an upstream. A change in the same millisecond as the one before it, or after the
-- clock went back, must still be later than that one.
local changed = now
for i = 1, #known, 2 do
  local ends = tonumber(string.match(known[i + 1], '^(%d+) '))
  if ends ~= nil and ends < now - ARGV[4] then
    redis.call('HDEL', KEYS[4], known[i])
  else
    there[known[i]] = true
    count = count + 1
    local before = tonumber(string.match(known[i + 1], ' (%d+)$'))
    if before ~= nil and before >= changed then changed = before + 1 end
  end
end
for i = 6, #ARGV do
  if not there[ARGV[i]] then count = count + 1 end
end
if count > tonumber(ARGV[3]) then return false end
local ends = ARGV[5]
if ends ~= '-' then ends = string.format('%.0f', now + ARGV[5]) end
local value = ends .. ' ' .. string.format('%.0f', changed)
local change = {}
for i = 6, #ARGV do
  redis.call('HSET', KEYS[4], ARGV[i], value)
  change[#change + 1] = { ARGV[i], value }
end
local reply = { '' }
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], string.format('(%.0f', now), '+inf')) do
  reply[#reply + 1] = member
  reply[#reply + 1] = redis.call('HGET', KEYS[3], member) or ''
end
local oldest = string.format('%.0f', now - ARGV[2])
local payload = cjson.encode(change)
reply[1] = redis.call('XADD', KEYS[1], 'MINID', '~', oldest, '*', 'k', ARGV[1], 'r', payload, 'w', '1')
return reply
