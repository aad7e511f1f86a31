#!lua flags=no-writes
--[[
  Count the records after an entry of the log.
  KEYS[1]   stream of the log
  ARGV[1]   id of the entry, exclusive
  ARGV[2]   maximum number of entries to visit
  Returns   { number of records, id of the first entry after ARGV[1] or '', 1 when all entries were visited, else 0 }
  Cluster   one key
]]
local records, first, from = 0, '', '(' .. ARGV[1]
for _ = 1, tonumber(ARGV[2]) do
  local entry = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
  if not entry then return { records, first, 1 } end
  if first == '' then first = entry[1] end
  -- Any client with access to Redis can have written this entry, so its content is checked.
  local known, seal = pcall(cjson.decode, entry[2][2] or '')
  if known and type(seal) == 'table' and type(seal.first) == 'number' and type(seal.last) == 'number' then
    records = records + math.max(0, math.min(seal.last - seal.first + 1, 5000))
  end
  from = '(' .. entry[1]
end
return { records, first, 0 }
