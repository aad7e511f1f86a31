#!lua flags=allow-oom
--[[
  Drop the oldest entries of the log that were delivered to every sink and are older than ARGV[1]. When the log takes
  more memory than ARGV[2], the age does not matter. Never drops an entry that was not delivered: nodes write to their
  spill files when the log is full.
  KEYS[1]     stream of the log
  KEYS[2]     hash of cursors
  KEYS[3]     hash by chain: '<number>:<hash>:<ms>', last dropped batch and the time of the drop
  ARGV[1]     minimum age of dropped entries, ms
  ARGV[2]     memory of the log, bytes, above which the age is ignored
  ARGV[3]     maximum number of entries to drop
  ARGV[4]     maximum number of chains in KEYS[3]; above it, the chains with the oldest drops are removed
  ARGV[5..]   configured sinks; nothing was delivered yet to a sink without a cursor
  Returns     number of dropped entries
  Clock       Redis TIME
  Cluster     all keys in one slot
]]
local function before(a, b)
  local a1, a2 = a:match('^(%d+)-?(%d*)$')
  local b1, b2 = b:match('^(%d+)-?(%d*)$')
  a1, a2, b1, b2 = tonumber(a1), tonumber(a2) or 0, tonumber(b1), tonumber(b2) or 0
  return a1 < b1 or (a1 == b1 and a2 < b2)
end
local taken
local cursors = redis.call('HGETALL', KEYS[2])
local known = {}
for i = 1, #cursors, 2 do
  known[cursors[i]] = true
  if not taken or before(cursors[i + 1], taken) then taken = cursors[i + 1] end
end
for i = 5, #ARGV do
  if not known[ARGV[i]] then taken = '0-0' end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local young = string.format('%.0f', now - ARGV[1])
local full = (redis.call('MEMORY', 'USAGE', KEYS[1]) or 0) > tonumber(ARGV[2])
local last, dropped = nil, 0
local from = '-'
while dropped < tonumber(ARGV[3]) do
  local entry = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
  if not entry or (taken and before(taken, entry[1])) then break end
  if not full and not before(entry[1], young) then break end
  -- Any client with access to Redis can have written this entry, so its content is checked.
  local read, seal = pcall(cjson.decode, entry[2][2] or '')
  if read and type(seal) == 'table' and type(seal.chain) == 'string' and type(seal.last) == 'number'
    and type(seal.hash) == 'string' then
    redis.call('HSET', KEYS[3], seal.chain, string.format('%.0f:%s:%.0f', seal.last, seal.hash, now))
  end
  last, dropped, from = entry[1], dropped + 1, '(' .. entry[1]
end
if last then
  local ms, n = last:match('^(%d+)-(%d+)$')
  redis.call('XTRIM', KEYS[1], 'MINID', ms .. '-' .. string.format('%.0f', n + 1))
end
if redis.call('HLEN', KEYS[3]) > tonumber(ARGV[4]) then
  local marks, chains, at = redis.call('HGETALL', KEYS[3]), {}, {}
  for i = 1, #marks, 2 do
    chains[#chains + 1] = marks[i]
    at[marks[i]] = tonumber(marks[i + 1]:match(':(%d+)$')) or 0
  end
  table.sort(chains, function(a, b) return at[a] < at[b] end)
  -- Removes chains down to 90 % of the maximum, so that the list is not sorted for each new chain.
  for i = 1, #chains - math.floor(ARGV[4] * 0.9) do redis.call('HDEL', KEYS[3], chains[i]) end
end
return dropped
