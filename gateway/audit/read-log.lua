#!lua flags=no-writes
--[[
  Read entries of the log, up to the limits. An entry that is too large is returned without its fields: anyone with
  access to Redis can write such an entry.
  KEYS[1]   stream of the log
  ARGV[1]   id to begin with, in the syntax of XRANGE (or XREVRANGE)
  ARGV[2]   id to end with
  ARGV[3]   forward | back
  ARGV[4]   maximum number of entries
  ARGV[5]   maximum bytes of all entries; a larger first entry is returned alone
  ARGV[6]   maximum bytes of one entry
  Returns   { id, { field, value, ... }, bytes } per entry; without fields when the entry is too large
  Cluster   one key
]]
local from, range = ARGV[1], ARGV[3] == 'back' and 'XREVRANGE' or 'XRANGE'
local most, room, largest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local read = {}
while #read < most do
  local entry = redis.call(range, KEYS[1], from, ARGV[2], 'COUNT', 1)[1]
  if not entry then break end
  local id, fields, bytes = entry[1], entry[2], 0
  for _, text in ipairs(fields) do bytes = bytes + #text end
  if bytes > largest then
    read[#read + 1] = { id, {}, bytes }
  elseif #read > 0 and bytes > room then
    break
  else
    read[#read + 1] = { id, fields, bytes }
    room = room - bytes
  end
  from = '(' .. id
end
return read
