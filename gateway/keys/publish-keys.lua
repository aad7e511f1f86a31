#!lua
--[[
  Publish the keys that a process has and writes with, and read the keys that the cluster appointed as writing keys.
  Removes processes whose entry has expired, and the last uses of keys that are older than ARGV[5]. An assertion key counts
  as published since the time from which no node of the cluster lacked it.
  KEYS[1]  holders: hash, for each process `<expiry of the entry, ms> <entry>`
  KEYS[2]  use: hash; `p:<id>` time since which every node publishes an assertion key, ms; `w:<kind>/<id>` time of the
           last report of a process that writes with the key, ms
  KEYS[3]  writing keys: hash, id of the appointed key by kind; absent until the first rotation
  ARGV[1]  process
  ARGV[2]  entry, JSON: id, role, keys (ids by kind), writes (id by kind)
  ARGV[3]  lifetime of the entry, ms
  ARGV[4]  time between two reports of a process, ms
  ARGV[5]  time for which the last use of a key is kept, ms
  Returns  the hash of KEYS[3], as a list
  Clock    Redis TIME
  Cluster  one slot
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local own = cjson.decode(ARGV[2])
local function text(ms) return string.format('%.0f', ms) end
-- The entry is stored as received: cjson would encode an empty list as an object.
redis.call('HSET', KEYS[1], ARGV[1], text(now + ARGV[3]) .. ' ' .. ARGV[2])
local held = {}
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local blank = string.find(entries[i + 1], ' ', 1, true)
  if tonumber(string.sub(entries[i + 1], 1, blank - 1)) < now then
    redis.call('HDEL', KEYS[1], entries[i])
  else
    local entry = cjson.decode(string.sub(entries[i + 1], blank + 1))
    if entry.role == 'node' then
      for _, id in ipairs(entry.keys.assertion) do held[id] = true end
    end
  end
end
local use = redis.call('HGETALL', KEYS[2])
for i = 1, #use, 2 do
  if string.sub(use[i], 1, 2) == 'w:' and (tonumber(use[i + 1]) or 0) < now - ARGV[5] then
    redis.call('HDEL', KEYS[2], use[i])
  end
end
if own.role == 'node' then
  local publishes = {}
  for _, id in ipairs(own.keys.assertion) do
    publishes[id] = true
    redis.call('HSETNX', KEYS[2], 'p:' .. id, text(now))
  end
  for i = 1, #use, 2 do
    local id = string.sub(use[i], 3)
    if string.sub(use[i], 1, 2) == 'p:' then
      if not held[id] then
        redis.call('HDEL', KEYS[2], use[i])
      elseif not publishes[id] then
        -- This node lacks the key now, and until its next report at the latest.
        redis.call('HSET', KEYS[2], use[i], text(now + ARGV[4]))
      end
    end
  end
end
for kind, id in pairs(own.writes) do redis.call('HSET', KEYS[2], 'w:' .. kind .. '/' .. id, text(now)) end
return redis.call('HGETALL', KEYS[3])
